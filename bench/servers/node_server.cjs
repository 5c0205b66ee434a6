// The peer on Node.js: the same events as antiphon_server.py.
const http = require("http");
const { Server } = require("socket.io");

const server = http.createServer();
const io = new Server(server);

io.on("connection", (socket) => {
  socket.on("echo", (data) => socket.emit("echo", data));
  socket.on("ack", (data, acknowledge) => acknowledge(data));
  socket.on("bcast", (data) => io.emit("bcast", data));
});

server.listen(Number(process.argv[process.argv.indexOf("--port") + 1]), "127.0.0.1");
