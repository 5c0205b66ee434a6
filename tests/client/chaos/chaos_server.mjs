// The server that the chaos happens to, on the official socket.io. chaos_server.py is the same on Antiphon.
// Run it with `node chaos_server.mjs PORT LOG INTERVAL TIMEOUT`: the heartbeat is in seconds. It prints its process id
// when it listens, and ends when its input does. MSGPACK in the environment gives it the MessagePack parser.

import { openSync, writeSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";

const require = createRequire(new URL("../../interop/package.json", import.meta.url));
const { Server } = require("socket.io");

const [port, path, interval, timeout] = process.argv.slice(2);
const log = openSync(path, "a");
const write = (line) => writeSync(log, `${line}\n`);

const http = createServer();
const io = new Server(http, {
  serveClient: false,
  pingInterval: Number(interval) * 1000,
  pingTimeout: Number(timeout) * 1000,
  ...(process.env.MSGPACK && { parser: require("socket.io-msgpack-parser") }),
});

io.on("connection", (socket) => {
  let ticks = 0;
  const stubborn = new Map();
  socket.on("number", (value, answer) => {
    write(value);
    answer?.(value);
  });
  socket.on("poke", (...args) => {
    const answer = typeof args.at(-1) === "function" ? args.pop() : undefined;
    socket.emit("tick", socket.id, ++ticks, args[0] ?? null);
    answer?.(true);
  });
  socket.on("never", (value) => write(value));
  socket.on("late", (value, tries, answer) => {
    write(value);
    stubborn.set(value, (stubborn.get(value) ?? 0) + 1);
    if (stubborn.get(value) >= tries) answer(value);
  });
  socket.on("disconnect", () => write("left"));
  socket.emit("greeting", socket.id);
});

http.listen(Number(port), "127.0.0.1", () => console.log(process.pid));
process.stdin.on("end", () => process.exit(0)).resume();
