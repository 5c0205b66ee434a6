import assert from "node:assert/strict";
import { mock, test } from "node:test";

import { Engine } from "../src/engine";
import type { EnginePacket } from "../src/engine_packet";
import type { EngineOptions } from "../src/options";
import { Transport } from "../src/transport";

/** A transport whose other end is the test. */
class Fake extends Transport {
  static made: Fake[] = [];
  sent: EnginePacket[][] = [];
  isPaused = false;
  private _takeOver: (() => void) | undefined;

  get name(): string {
    return "polling";
  }

  override _pause(onPause: () => void): void {
    this.isPaused = true;
    this._takeOver = onPause;
  }

  override _resume(): void {
    this.isPaused = false;
  }

  protected _doOpen(): void {
    Fake.made.push(this);
  }

  protected _doClose(): void {}

  protected _write(packets: EnginePacket[]): void {
    this.writable = false;
    this.sent.push(packets);
  }

  opened(): void {
    this._onOpen();
  }

  receive(...packets: (string | ArrayBuffer)[]): void {
    for (const packet of packets) this._onData(packet);
  }

  drained(): void {
    this.writable = true;
    this._tell("drain");
  }

  paused(): void {
    this._takeOver!();
  }

  fail(reason: string): void {
    this._onError(reason, 0);
  }

  texts(): string[] {
    return this.sent.flat().map(({ type, data }) => `${type}:${String(data ?? "")}`);
  }
}

class FakeWebSocket extends Fake {
  override get name(): string {
    return "websocket";
  }
}

interface Session {
  engine: Engine;
  polling: Fake;
  log: unknown[][];
}

function open(handshake: object = {}, options: EngineOptions = {}): Session {
  Fake.made = [];
  const engine = new Engine("http://example.com", { transports: [Fake, FakeWebSocket], ...options });
  const log: unknown[][] = [];
  for (const event of ["open", "close", "error", "upgrade", "upgradeError", "ping", "drain"] as const) {
    engine.on(event, (...args: unknown[]) => log.push([event, ...args.map((value) => (value instanceof Error ? value.message : value))]));
  }
  const [polling] = Fake.made as [Fake];
  polling.opened();
  const defaults = { sid: "abc", upgrades: [], pingInterval: 1000, pingTimeout: 500, maxPayload: 100 };
  polling.receive(`0${JSON.stringify({ ...defaults, ...handshake })}`);
  return { engine, polling, log };
}

test("the handshake opens the session", () => {
  const { engine, polling, log } = open();
  assert.equal(engine.id, "abc");
  assert.deepEqual(log, [["open"]]);
  assert.deepEqual(polling.query, { EIO: "4", transport: "polling", sid: "abc" });
  engine.close();
  assert.deepEqual(log.at(-1), ["close", "forced close", undefined]);
});

test("a handshake that is no JSON is an error", () => {
  Fake.made = [];
  const engine = new Engine("http://example.com", { transports: [Fake] });
  const seen: string[] = [];
  engine.on("error", () => seen.push("error")).on("close", (reason) => seen.push(reason));
  Fake.made[0]!.opened();
  Fake.made[0]!.receive("0{");
  assert.deepEqual(seen, ["error", "transport error"]);
});

test("a ping is answered", () => {
  const { engine, polling, log } = open();
  polling.receive("2");
  assert.deepEqual(polling.texts(), ["pong:"]);
  assert.deepEqual(log.at(-1), ["ping"]);
  engine.close();
  polling.drained();
});

test("silence ends the session, and a late timer does not hide it", async () => {
  mock.timers.enable({ apis: ["setTimeout", "Date"] });
  try {
    const silent = open();
    mock.timers.tick(1499);
    assert.deepEqual(silent.log.at(-1), ["open"]);
    mock.timers.tick(1);
    assert.deepEqual(silent.log.at(-1), ["close", "ping timeout", undefined]);

    const asleep = open();
    assert.equal(asleep.engine._hasPingExpired(), false);
    mock.timers.setTime(Date.now() + 100_000);
    assert.equal(asleep.engine._hasPingExpired(), true);
    assert.equal(asleep.engine._hasPingExpired(), true);
    await Promise.resolve();
    assert.deepEqual(asleep.log.at(-1), ["close", "ping timeout", undefined]);
  } finally {
    mock.timers.reset();
  }
});

test("payloads are no larger than the server allows", () => {
  const { engine, polling } = open({ maxPayload: 10 });
  engine.send("a");
  for (const data of ["1234", "5678", "ü", "12345678", "", "b"]) engine.send(data);
  polling.drained();
  while (engine.writeBuffer.length) polling.drained();
  // Each packet has its type before it, and a separator behind it: 5, 5 + 6 > 10.
  assert.deepEqual(
    polling.sent.map((packets) => packets.map(({ data }) => data)),
    [["a"], ["1234"], ["5678", "ü"], ["12345678"], ["", "b"]],
  );
  engine.close();
});

test("what is too large for any payload is refused with its size", () => {
  const { engine } = open({ maxPayload: 10 });
  engine._checkSize("123456789");
  for (const [data, size] of [["1234567890", 11], ["üüüüü", 11], [new ArrayBuffer(7), 13], [new Float64Array(2), 25]] as const) {
    assert.throws(() => engine._checkSize(data), { name: "PayloadTooLargeError", size, maxPayload: 10 });
  }
  engine._checkSize(new ArrayBuffer(6));
  engine.close();
});

test("an upgrade waits until nothing is on its way", () => {
  const { engine, polling, log } = open({ upgrades: ["websocket"] });
  engine.send("before");
  const probe = Fake.made[1]!;
  assert.equal(probe.query.sid, "abc");
  probe.opened();
  assert.deepEqual(probe.texts(), ["ping:probe"]);
  probe.drained();
  probe.receive("3probe");
  assert.ok(engine.upgrading && polling.isPaused);
  engine.send("meanwhile");
  polling.drained();
  assert.deepEqual(polling.texts(), ["message:before"]);
  polling.paused();
  assert.equal(engine.transport, probe);
  probe.drained();
  assert.deepEqual(probe.texts(), ["ping:probe", "upgrade:", "message:meanwhile"]);
  assert.deepEqual(log.find(([event]) => event === "upgrade"), ["upgrade", probe]);
  engine.close();
});

for (const [name, harm, cause] of [
  ["fails", (probe: Fake) => probe.fail("websocket error"), "websocket error"],
  ["is closed", (probe: Fake) => probe.close(), "transport closed"],
  ["gets nonsense", (probe: Fake) => (probe.opened(), probe.receive("4nonsense")), "unexpected packet"],
] as const) {
  test(`a probe that ${name} leaves everything as it was, and says why`, () => {
    const { engine, polling, log } = open({ upgrades: ["websocket"] });
    harm(Fake.made[1]!);
    assert.deepEqual(log.at(-1), ["upgradeError", `probe error: ${cause}`]);
    assert.equal(engine.upgradeError?.transport, "websocket");
    assert.equal(engine.transport, polling);
    engine.send("on");
    assert.deepEqual(polling.texts(), ["message:on"]);
    engine.close();
  });
}

test("polling goes on if the probe fails after it was answered", () => {
  const { engine, polling } = open({ upgrades: ["websocket"] });
  const probe = Fake.made[1]!;
  probe.opened();
  probe.receive("3probe");
  assert.ok(polling.isPaused);
  engine.send("kept");
  probe.fail("gone");
  assert.ok(!polling.isPaused && !engine.upgrading);
  polling.paused();
  assert.equal(engine.transport, polling);
  assert.deepEqual(polling.texts(), ["message:kept"]);
  engine.close();
});

test("there is no upgrade that nobody wants", () => {
  open({ upgrades: ["websocket", "webtransport"] }, { upgrade: false }).engine.close();
  assert.equal(Fake.made.length, 1);
});

test("closing waits for what was sent, and for an upgrade", () => {
  const { engine, polling, log } = open({ upgrades: ["websocket"] });
  engine.send("last");
  engine.close();
  assert.equal(engine.readyState, "closing");
  engine.send("too late");
  polling.drained();
  assert.deepEqual(log.at(-1), ["close", "forced close", undefined]);
  assert.deepEqual(polling.texts(), ["message:last"]);

  const other = open({ upgrades: ["websocket"] });
  const probe = Fake.made[1]!;
  probe.opened();
  probe.receive("3probe");
  other.engine.close();
  assert.equal(other.engine.readyState, "closing");
  other.polling.paused();
  assert.deepEqual(other.log.at(-1), ["close", "forced close", undefined]);
});

test("the next transport is tried if that is wanted, and only before the handshake", () => {
  Fake.made = [];
  const options = { transports: [Fake, FakeWebSocket], tryAllTransports: true };
  const engine = new Engine("http://example.com", options);
  const reasons: string[] = [];
  engine.on("close", (reason) => reasons.push(reason));
  Fake.made[0]!.fail("no polling");
  assert.deepEqual(reasons, []);
  assert.equal(engine.transport, Fake.made[1]);
  Fake.made[1]!.fail("no websocket");
  assert.deepEqual(reasons, ["transport error"]);

  const { engine: opened, polling } = open({}, options);
  polling.fail("lost");
  assert.equal(opened.readyState, "closed");
  assert.equal(Fake.made.length, 1);
});

test("WebSocket comes first once it has worked, if that is to be remembered", () => {
  const first = open({ upgrades: ["websocket"] }, { rememberUpgrade: true });
  const probe = Fake.made[1]!;
  probe.opened();
  probe.receive("3probe");
  first.polling.paused();
  first.engine.close();
  Fake.made = [];
  const second = new Engine("http://example.com", { transports: [Fake, FakeWebSocket], rememberUpgrade: true });
  assert.equal(second.transport!.name, "websocket");
  Fake.made[0]!.fail("blocked now");
  const third = new Engine("http://example.com", { transports: [Fake, FakeWebSocket], rememberUpgrade: true });
  assert.equal(third.transport!.name, "polling");
  third.close();
});

test("a transport that does not exist is passed over, and having none is an error", async () => {
  const engine = new Engine("http://example.com", { transports: ["smoke" as "polling", Fake] });
  assert.deepEqual(engine.transports, ["polling"]);
  engine.close();
  const none = new Engine("http://example.com", { transports: [] });
  const errors: string[] = [];
  none.on("error", (error) => errors.push(error.message));
  await Promise.resolve();
  assert.deepEqual(errors, ["No transports available"]);
});
