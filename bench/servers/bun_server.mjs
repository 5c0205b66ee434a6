// The official server on Bun, with the engine that its authors made for it.
import { createRequire } from "node:module";
import { options, register } from "./handlers.mjs";

const require = createRequire(process.env.PEERS);
const { Server } = require("socket.io");
const { Server: Engine } = require("@socket.io/bun-engine");
const { port, cert, key, deflate } = options(process.argv);
const io = new Server();
const engine = new Engine({ path: "/socket.io/" });
io.bind(engine);
register(io);
const handler = engine.handler();
Bun.serve({
  ...handler,
  port,
  hostname: "127.0.0.1",
  websocket: { ...handler.websocket, perMessageDeflate: deflate },
  tls: cert && { cert: Bun.file(cert), key: Bun.file(key) },
});
