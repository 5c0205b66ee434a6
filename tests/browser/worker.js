// A worker with a client of its own: it passes on what it gets.

importScripts("/browser/socket.io.min.js");

const socket = io();
socket.on("connect", () => {
  socket.emitWithAck("ask", "from the worker", new Uint8Array([1, 2, 3]).buffer).then(([text, bytes]) => {
    postMessage({ text, bytes: [...new Uint8Array(bytes)], transport: socket.io.engine.transport.name });
    socket.disconnect();
  });
});
