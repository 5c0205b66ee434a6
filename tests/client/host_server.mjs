// Serves events for the tests of the Python client, on the official server. host_server.py is the same on Antiphon.
// Run it with `node host_server.mjs HOSTS`: the servers by name, each with its options, as JSON. It prints their ports by
// name as JSON, and ends when its input does.

import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createServer as createSecureServer } from "node:https";
import { createRequire } from "node:module";

const require = createRequire(new URL("../interop/package.json", import.meta.url));
const { Server } = require("socket.io");

const numbers = new Map();
const tries = new Map();
const reasons = new Map();

function keep(key, value) {
  if (!numbers.has(key)) numbers.set(key, []);
  numbers.get(key).push(value);
}

// Whoever wants no answer gets none.
function nobody() {}

function connection(io, socket) {
  const { id } = socket;
  const take = (args) => (typeof args.at(-1) === "function" ? args.pop() : nobody);
  socket.on("echo", (...args) => socket.emit("echo", ...args));
  socket.on("ask", (...args) => take(args)(...args));
  socket.on("message", (...args) => take(args)(...args));
  socket.on("nothing", (...args) => take(args)());
  socket.on("silence", () => {});
  socket.on("burst", (count) => {
    for (let number = 0; number < count; number++) socket.emit("burst", number);
  });
  socket.on("number", (key, value, answer = nobody) => {
    keep(key, value);
    answer(value);
  });
  socket.on("reluctant", (key, value, times, answer = nobody) => {
    keep(key, value);
    const name = `${key} ${value}`;
    tries.set(name, (tries.get(name) ?? 0) + 1);
    if (tries.get(name) >= times) answer(value);
  });
  socket.on("question", (limit, ...args) => {
    const answer = take(args);
    socket.timeout(limit).emit("question", ...args, (error, ...answers) => answer(error?.message ?? null, ...answers));
  });
  socket.on("tell", (event, ...args) => {
    const answer = take(args);
    socket.nsp.emit(event, ...args);
    answer(true);
  });
  socket.on("kick", (close) => socket.disconnect(close === true));
  socket.on("end", () => socket.conn.close());
  socket.on("raw", (text) => socket.conn.write(text));
  socket.on("join", (room, answer = nobody) => {
    socket.join(room);
    answer();
  });
  socket.on("handshake", (answer) => {
    const { auth, query, headers } = socket.handshake;
    answer({ auth, query, headers });
  });
  socket.on("numbers", (key, answer) => answer(numbers.get(key) ?? []));
  socket.on("reason", (name, answer) => answer(reasons.get(name) ?? null));
  socket.on("rooms", (answer) => answer([...socket.rooms].filter((room) => room !== socket.id).sort()));
  socket.on("sessions", (answer) => answer(io.engine.clientsCount));
  socket.on("transport", (answer) => answer(socket.conn.transport.name));
  socket.on("disconnect", (reason) => reasons.set(id, reason));
  for (let count = 0; count < (socket.handshake.auth.greetings ?? 0); count++) socket.emit("greeting", count);
}

function serve(io, namespace) {
  namespace.use((socket, next) => {
    next(socket.handshake.auth.refuse ? Object.assign(new Error("not you"), { data: { code: 7 } }) : undefined);
  });
  namespace.on("connection", (socket) => connection(io, socket));
}

function listener(tls) {
  const elsewhere = (_request, response) => response.writeHead(404).end("nothing here");
  if (!tls) return createServer(elsewhere);
  const ca = tls.ca && { ca: readFileSync(tls.ca), requestCert: true, rejectUnauthorized: true };
  return createSecureServer({ cert: readFileSync(tls.cert), key: readFileSync(tls.key), ...ca }, elsewhere);
}

const ports = {};
for (const [name, { tls, ...options }] of Object.entries(JSON.parse(process.argv[2]))) {
  if (options.parser) options.parser = require("socket.io-msgpack-parser");
  const http = listener(tls);
  const io = new Server(http, { destroyUpgradeTimeout: 50, ...options, serveClient: false });
  for (const namespace of ["/", "/admin", "/other"]) serve(io, io.of(namespace));
  await new Promise((resolve) => http.listen(0, "127.0.0.1", resolve));
  ports[name] = http.address().port;
}
console.log(JSON.stringify(ports));
process.stdin.on("end", () => process.exit(0)).resume();
