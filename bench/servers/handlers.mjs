// The events of every server that is measured: the same as in antiphon_server.py.
export function register(io) {
  io.on("connection", (socket) => {
    socket.on("echo", (data) => socket.emit("echo", data));
    socket.on("echo later", async (data) => {
      await null;
      socket.emit("echo later", data);
    });
    socket.on("ack", (data, acknowledge) => acknowledge(data));
    socket.on("bcast", (data) => io.emit("bcast", data));
    socket.on("join", (room, acknowledge) => {
      socket.join(room);
      socket.data.room = room;
      acknowledge();
    });
    socket.on("room", (data) => io.to(socket.data.room).emit("room", data));
  });
  const members = io.of("/members");
  members.use((socket, next) => next(socket.handshake.auth.token === "secret" ? undefined : new Error("who are you?")));
  members.on("connection", (socket) => {
    socket.use((event, next) => next());
    socket.on("echo", (data) => socket.emit("echo", data));
  });
}

export function options(argv) {
  const value = (name) => (argv.includes(name) ? argv[argv.indexOf(name) + 1] : undefined);
  return { port: Number(value("--port")), cert: value("--cert"), key: value("--key"), deflate: argv.includes("--deflate") };
}
