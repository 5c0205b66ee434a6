// The same in a module.

import { io } from "/browser/socket.io.esm.min.js";

const socket = io();
socket.on("connect", async () => {
  const [text, bytes] = await socket.emitWithAck("ask", "from the worker", new Uint8Array([1, 2, 3]).buffer);
  postMessage({ text, bytes: [...new Uint8Array(bytes)], transport: socket.io.engine.transport.name });
  socket.disconnect();
});
