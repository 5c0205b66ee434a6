// The same with the official client on Node.js.
import { createRequire } from "node:module";
import { parseArgs } from "node:util";

const { io } = createRequire(process.env.PEERS)("socket.io-client");
const { values } = parseArgs({
  options: {
    port: { type: "string" },
    mode: { type: "string" },
    "in-flight": { type: "string", default: "16" },
    seconds: { type: "string", default: "1" },
  },
});
const PAYLOAD = "x".repeat(64);
const FLOOD = 10_000;
const seconds = Number(values.seconds);
const sleep = (duration) => new Promise((resolve) => setTimeout(resolve, duration * 1000));
const now = () => performance.now() / 1000;
const tell = (events, duration) => console.log(JSON.stringify({ events_per_s: events / duration }));

const socket = io(`http://127.0.0.1:${values.port}`, { transports: ["websocket"] });
await new Promise((resolve) => socket.on("connect", resolve));
let count = 0;
if (values.mode === "echo") {
  socket.on("echo", () => {
    count++;
    socket.emit("echo", PAYLOAD);
  });
  for (let i = 0; i < Number(values["in-flight"]); i++) socket.emit("echo", PAYLOAD);
  await sleep(seconds / 4);
  const before = count;
  const start = now();
  await sleep(seconds);
  tell(count - before, now() - start);
} else {
  let done;
  socket.on("news", () => {
    if (++count % FLOOD === 0) done();
  });
  const start = now();
  while (now() - start < seconds) {
    const finished = new Promise((resolve) => (done = resolve));
    socket.emit("flood", FLOOD);
    await finished;
  }
  tell(count, now() - start);
}
socket.disconnect();
