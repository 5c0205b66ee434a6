await socket.emitWithAck("add", 1, 2, 3)   // 6

await socket.emitWithAck("ask the others", "Are you there?")

await socket.emitWithAck("join", "garden")
socket.emit("say in", "garden", "Only who has joined sees this")

await socket.emitWithAck("no such event")
