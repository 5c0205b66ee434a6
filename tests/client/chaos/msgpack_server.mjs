// The official server with the official MessagePack parser, with the handlers of python_socketio_server.py. It prints its
// port, and ends when its input does.

import { createServer } from "node:http";
import { createRequire } from "node:module";

const require = createRequire(new URL("../../interop/package.json", import.meta.url));
const { Server } = require("socket.io");

const http = createServer();
const io = new Server(http, { serveClient: false, parser: require("socket.io-msgpack-parser") });

for (const namespace of [io.of("/"), io.of("/admin")]) {
  namespace.use((socket, next) => {
    next(socket.handshake.auth.refuse ? Object.assign(new Error("not you"), { data: { code: 7 } }) : undefined);
  });
  namespace.on("connection", (socket) => {
    const { auth } = socket.handshake;
    socket.emit("greeting", socket.id, Object.keys(auth).length ? auth : null);
    socket.on("echo", (...args) => socket.emit("echo", ...args));
    socket.on("ask", (...args) => args.pop()(...args));
    socket.on("nothing", (answer) => answer());
    socket.on("question", (...args) => {
      const answer = args.pop();
      socket.emit("question", ...args, (...answers) => answer(...answers));
    });
    socket.on("kick", () => socket.disconnect());
    socket.on("join", (room, answer) => {
      socket.join(room);
      namespace.to(room).emit("joined", room);
      answer?.(true);
    });
  });
}

http.listen(0, "127.0.0.1", () => console.log(http.address().port));
process.stdin.on("end", () => process.exit(0)).resume();
