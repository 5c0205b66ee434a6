// Drives the official JavaScript clients, or ours, for the tests in Python: commands come in as lines of JSON, what the
// clients see goes out as lines of JSON. See interop_driver.py for the other end.

import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";

import msgpackParser from "socket.io-msgpack-parser";

const started = new Map();
const pendingAnswers = [];

function write(report) {
  process.stdout.write(JSON.stringify(report) + "\n");
}

// Values that JSON has no form for.

function pack(value) {
  if (value === undefined) return { $undefined: true };
  if (value === null || typeof value !== "object") return value;
  if (value instanceof Date) return { $date: value.getTime() };
  if (value instanceof ArrayBuffer) return { $binary: Buffer.from(value).toString("base64") };
  if (ArrayBuffer.isView(value)) {
    return { $binary: Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("base64") };
  }
  if (Array.isArray(value)) return value.map(pack);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, pack(item)]));
}

function unpack(value) {
  if (value === null || typeof value !== "object") return value;
  if (Array.isArray(value)) return value.map(unpack);
  if ("$undefined" in value) return undefined;
  if ("$number" in value) return Number(value.$number);
  if ("$date" in value) return new Date(value.$date);
  if ("$binary" in value) return Buffer.from(value.$binary, "base64");
  if ("$array_buffer" in value) return new Uint8Array(Buffer.from(value.$array_buffer, "base64")).buffer;
  if ("$typed" in value) return globalThis[value.$typed].from(value.values);
  if ("$repeat" in value) return value.$repeat.repeat(value.times);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, unpack(item)]));
}

function describeError(error) {
  return { message: error.message, data: pack(error.data ?? null), type: error.type ?? null };
}

async function load(version) {
  if (process.env.CLIENT === "ours" && version !== 2) {
    const { io } = await import("../../src/antiphon/browser/socket.io.esm.min.js");
    return io;
  }
  return version === 2 ? (await import("socket.io-client-2")).default : (await import("socket.io-client")).io;
}

function listenToManager(report, manager) {
  const watchEngine = () => {
    const engine = manager.engine;
    engine.on("upgrade", (transport) => report("upgrade", { transport: transport.name }));
    engine.on("upgradeError", (error) => report("upgrade_error", { message: error.message }));
    engine.on("packet", (packet) => {
      if (packet.type === "ping") report("ping", {});
    });
  };
  manager.on("open", watchEngine);
  manager.on("close", (reason) => report("close", { reason }));
  manager.on("reconnect_attempt", (attempt) => report("reconnect_attempt", { attempt }));
  manager.on("reconnect", (attempt) => report("reconnect", { attempt }));
}

function listenToSocket(report, socket, answers, events) {
  const onEvent = (event, args) => {
    let call = null;
    if (typeof args.at(-1) === "function") {
      const answer = args.pop();
      if (event in answers) {
        answer(...(answers[event] === "echo" ? args : unpack(answers[event])));
      } else {
        call = pendingAnswers.push(answer) - 1;
      }
    }
    report("event", { event, args: pack(args), call });
  };
  if (socket.onAny) {
    socket.onAny((event, ...args) => onEvent(event, args));
    socket.on("connect_error", (error) => report("connect_error", describeError(error)));
  } else {
    // Socket.IO 2 has no listener for everything, and calls the refusal of a namespace an error.
    for (const event of events) socket.on(event, (...args) => onEvent(event, args));
    socket.on("connect_error", (error) => {
      report("connect_error", { message: error.message, data: null, type: error.type ?? null });
    });
    socket.on("error", (error) => report("error", { error: pack(error) }));
  }
  socket.on("connect", () => {
    const { id, io } = socket;
    report("connect", {
      id,
      transport: io.engine.transport.name,
      session: io.engine.id,
      buffered: socket.receiveBuffer.length,
      recovered: socket.recovered ?? null,
    });
  });
  socket.on("disconnect", (reason, details) => {
    report("disconnect", { reason, description: String(details?.description?.message ?? details?.description ?? "") });
  });
}

const commands = {
  async connect({ client, url, options = {}, version = 4, parser, ca, authFunction, share, answers = {}, events = [] }) {
    const report = (kind, fields) => write({ client, report: kind, ...fields });
    const settings = { forceNew: true, reconnection: false, ...unpack(options) };
    if (parser === "msgpack") settings.parser = msgpackParser;
    if (ca) settings.ca = readFileSync(ca);
    if (authFunction) {
      const auth = settings.auth;
      settings.auth = (give) => setImmediate(() => give(auth));
    }
    let socket;
    if (share) {
      socket = started.get(share).io.socket(url, settings);
    } else {
      const connect = await load(version);
      socket = connect(url, { ...settings, autoConnect: false });
      listenToManager(report, socket.io);
    }
    started.set(client, socket);
    listenToSocket(report, socket, answers, events);
    if (settings.autoConnect !== false) socket.connect();
  },

  open({ client }) {
    started.get(client).connect();
  },

  emit({ client, event, args, ack, timeout, volatile, compress }) {
    let socket = started.get(client);
    if (volatile) socket = socket.volatile;
    if (compress !== undefined) socket = socket.compress(compress);
    const values = unpack(args);
    if (ack === undefined) {
      socket.emit(event, ...values);
    } else if (timeout === undefined) {
      socket.emit(event, ...values, (...answer) => write({ client, report: "ack", ack, args: pack(answer) }));
    } else {
      socket.timeout(timeout).emit(event, ...values, (error, ...answer) => {
        write({ client, report: "ack", ack, error: error ? error.message : null, args: pack(answer) });
      });
    }
  },

  emitWithAck({ client, event, args, ack, timeout }) {
    let socket = started.get(client);
    if (timeout !== undefined) socket = socket.timeout(timeout);
    socket.emitWithAck(event, ...unpack(args)).then(
      (answer) => write({ client, report: "ack", ack, error: null, args: [pack(answer)] }),
      (error) => write({ client, report: "ack", ack, error: error.message, args: [] }),
    );
  },

  // Numbered messages, a few in each turn of the loop, so that they are spread over what happens meanwhile.
  count({ client, event, from = 0, to, each = 10, wide = 0 }) {
    const socket = started.get(client);
    const padding = wide ? "x".repeat(wide) : undefined;
    let next = from;
    const step = () => {
      for (let i = 0; i < each && next < to; i++, next++) {
        if (padding) socket.emit(event, next, padding);
        else socket.emit(event, next);
      }
      if (next < to) setImmediate(step);
    };
    step();
  },

  answer({ call, args }) {
    pendingAnswers[call](...unpack(args));
  },

  // What no client sends: text and binary straight to the engine.
  raw({ client, data }) {
    started.get(client).io.engine.send(unpack(data));
  },

  state({ client, request }) {
    const socket = started.get(client);
    const engine = socket.io.engine;
    write({
      client,
      report: "state",
      request,
      connected: socket.connected,
      active: socket.active ?? null,
      id: socket.id ?? null,
      transport: engine?.transport?.name ?? null,
      session: engine?.id ?? null,
      waiting: socket.sendBuffer.length,
      unsent: engine?.writeBuffer.length ?? null,
      extensions: engine?.transport?.ws?.extensions ?? null,
      read: engine?.transport?.ws?._socket?.bytesRead ?? null,
      cookies: [...(engine?._cookieJar?._cookies?.keys() ?? [])],
    });
  },

  disconnect({ client }) {
    started.get(client).disconnect();
  },

  // Gives its connection up, and tries again elsewhere.
  moveTo({ client, url }) {
    const manager = started.get(client).io;
    manager.uri = url;
    manager.engine.close();
  },

  closeManager({ client }) {
    started.get(client).io.engine.close();
  },

  forget({ client }) {
    const socket = started.get(client);
    started.delete(client);
    if (!socket) return;
    socket.io.reconnection(false);
    socket.disconnect();
    socket.io.engine?.close();
  },
};

process.on("uncaughtException", (error) => write({ client: null, report: "failure", message: error.stack }));

// One after the other, for loading a client takes a moment.
let queue = Promise.resolve();
createInterface({ input: process.stdin })
  .on("line", (line) => {
    const command = JSON.parse(line);
    queue = queue
      .then(() => commands[command.do](command))
      .catch((error) => write({ client: command.client ?? null, report: "failure", message: error.stack }));
  })
  .on("close", () => process.exit(0));
