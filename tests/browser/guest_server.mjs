// Serves pages and events for the tests of the browser client, on the official server. guest_server.py is the same on
// Antiphon. Run it with `node guest_server.mjs PORT [OPTIONS]`; it ends when its input does.

import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { extname } from "node:path";

const require = createRequire(new URL("../interop/package.json", import.meta.url));
const { Server } = require("socket.io");

const [port, text = "{}"] = process.argv.slice(2);
const options = { ...JSON.parse(text), serveClient: false };
if (options.parser) options.parser = require("socket.io-msgpack-parser");

const KINDS = { ".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8" };

const http = createServer(async ({ url }, response) => {
  const [, folder, name] = /^\/(?:(browser)\/)?([^?]*)/.exec(url);
  const place = folder ? "../../src/antiphon/browser/" : "./";
  const file = new URL(place + (name || "page.html"), import.meta.url);
  const headers = { "content-type": KINDS[extname(file.pathname)] ?? "text/plain", "cache-control": "no-store" };
  try {
    const content = await readFile(file);
    response.writeHead(200, headers).end(content);
  } catch {
    response.writeHead(404, headers).end();
  }
});
const io = new Server(http, options);
const numbers = [];
const reasons = [];

for (const name of ["/", "/admin"]) {
  const namespace = io.of(name);
  namespace.use((socket, next) => {
    next(socket.handshake.auth.refuse ? Object.assign(new Error("not you"), { data: { code: 7 } }) : undefined);
  });
  namespace.on("connection", (socket) => {
    socket.on("echo", (...args) => socket.emit("echo", ...args));
    socket.on("ask", (...args) => args.pop()(args));
    socket.on("message", (...args) => typeof args.at(-1) === "function" && args.pop()(args));
    socket.on("burst", (count) => {
      for (let number = 0; number < count; number++) socket.emit("burst", number);
    });
    socket.on("number", (value, answer) => {
      numbers.push(value);
      answer?.(value);
    });
    socket.on("question", async (...args) => args.pop()(await socket.timeout(10000).emitWithAck("question", ...args)));
    socket.on("tell", (event, ...args) => io.emit(event, ...args));
    socket.on("count", (answer) => answer(io.engine.clientsCount));
    socket.on("kick", () => socket.disconnect());
    socket.on("end", () => socket.conn.close());
    socket.on("raw", (text) => socket.conn.write(text));
    socket.on("numbers", (answer) => answer(numbers));
    socket.on("reasons", (answer) => answer(reasons));
    socket.on("auth", (answer) => answer(socket.handshake.auth));
    socket.on("query", (answer) => answer(socket.handshake.query));
    socket.on("headers", (answer) => answer(socket.handshake.headers));
    socket.on("disconnect", (reason) => reasons.push(reason));
    socket.emit("welcome", name);
  });
}

http.listen(Number(port), "127.0.0.1");
process.stdin.on("end", () => process.exit(0)).resume();
