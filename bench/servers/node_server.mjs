// The official server on Node.js. It is found through NODE_PATH.
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createServer as createSecureServer } from "node:https";
import { createRequire } from "node:module";
import { options, register } from "./handlers.mjs";

const { Server } = createRequire(process.env.PEERS)("socket.io");
const { port, cert, key, deflate } = options(process.argv);
const http = cert ? createSecureServer({ cert: readFileSync(cert), key: readFileSync(key) }) : createServer();
register(new Server(http, { perMessageDeflate: deflate }));
http.listen(port, "127.0.0.1");
