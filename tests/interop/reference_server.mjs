// The official server, with the handlers that test_interop_differential.py gives to ours. Its port is the first line of
// its output; it ends when its input does.

import { createServer } from "node:http";

import { Server } from "socket.io";

const options = JSON.parse(process.argv[2] ?? "{}");
const http = createServer();
const io = new Server(http, options);

function serve(namespace) {
  namespace.on("connection", (socket) => {
    socket.emit("welcome", namespace.name);
    socket.on("echo", (...args) => socket.emit("echo", ...args));
    socket.on("ask", (...args) => args.pop()(...args));
    socket.on("nothing", (answer) => answer());
    socket.on("question", (...args) => {
      socket.emit("question", ...args, (...answer) => socket.emit("answered", ...answer));
    });
    socket.on("impatient", () => {
      socket.timeout(20).emit("silence", (error) => socket.emit("gave up", error.message));
    });
    socket.on("join", (room, answer) => {
      socket.join(room);
      answer([...socket.rooms].filter((name) => name !== socket.id).sort());
    });
    socket.on("leave", (room) => socket.leave(room));
    socket.on("to", (room, ...args) => namespace.to(room).emit("to", ...args));
    socket.on("others", (...args) => socket.broadcast.emit("others", ...args));
    socket.on("handshake", (answer) => {
      const { auth, query, xdomain, secure, address } = socket.handshake;
      const { t, sid, ...rest } = query;
      answer({ auth, query: rest, xdomain, secure, address: address.replace("::ffff:", "") });
    });
    socket.on("burst", (count) => {
      for (let i = 0; i < count; i++) socket.emit("burst", i, Buffer.from([i]));
    });
    socket.on("kick", (close) => socket.disconnect(close));
  });
}

serve(io.of("/"));
serve(io.of("/a"));
http.listen(0, "127.0.0.1", () => console.log(http.address().port));
process.stdin.on("end", () => process.exit(0)).resume();
