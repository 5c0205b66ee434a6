import assert from "node:assert/strict";
import { after, test } from "node:test";

import { Engine } from "../src/engine";

/** The other end of a WebTransport that is made. */
interface Peer {
  url: string;
  options: unknown;
  /** Everything that was written, in one piece. */
  received(): Uint8Array;
  write(bytes: Uint8Array): Promise<void>;
  end(): void;
  fail(error: Error): void;
}

const peers: Peer[] = [];

class FakeWebTransport {
  readonly ready = Promise.resolve();
  readonly closed: Promise<void>;
  private readonly _toClient = new TransformStream<Uint8Array, Uint8Array>();
  private readonly _chunks: Uint8Array[] = [];
  private _end!: () => void;

  constructor(url: string, options: unknown) {
    let fail!: (error: Error) => void;
    this.closed = new Promise((resolve, reject) => {
      this._end = resolve;
      fail = reject;
    });
    const writer = this._toClient.writable.getWriter();
    peers.push({ url, options, received: () => Buffer.concat(this._chunks), write: (bytes) => writer.write(bytes), end: () => this._end(), fail });
  }

  async createBidirectionalStream(): Promise<unknown> {
    const writable = new WritableStream<Uint8Array>({ write: (chunk) => void this._chunks.push(chunk) });
    return { readable: this._toClient.readable, writable };
  }

  close(): void {
    this._end();
  }
}

Object.assign(globalThis, { WebTransport: FakeWebTransport });
after(() => Reflect.deleteProperty(globalThis, "WebTransport"));

/** Runs everything that is ready to run. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const frame = (data: string): Uint8Array => Uint8Array.of(data.length, ...text(data));
const HANDSHAKE = '0{"sid":"abc","upgrades":[],"pingInterval":25000,"pingTimeout":20000}';

async function open(): Promise<{ engine: Engine; peer: Peer; messages: unknown[]; reasons: string[] }> {
  const engine = new Engine("https://example.com", {
    transports: ["webtransport"],
    transportOptions: { webtransport: { allowPooling: true } },
  });
  const messages: unknown[] = [];
  const reasons: string[] = [];
  engine.on("data", (data) => messages.push(data)).on("close", (reason) => reasons.push(reason));
  await settle();
  const peer = peers.at(-1)!;
  await peer.write(frame(HANDSHAKE));
  await settle();
  assert.equal(engine.id, "abc");
  return { engine, peer, messages, reasons };
}

test("it begins with an open packet and takes the handshake", async () => {
  const { engine, peer, reasons } = await open();
  assert.match(peer.url, /^https:\/\/example\.com\/socket\.io\/\?EIO=4&transport=webtransport$/);
  assert.deepEqual(peer.options, { allowPooling: true });
  assert.deepEqual([...peer.received()], [1, 0x30]);
  engine.close();
  await settle();
  assert.deepEqual(reasons, ["forced close"]);
});

for (const size of [1, 124, 125, 126, 65_534, 65_535, 65_536, 70_000]) {
  test(`frames of ${size + 1} bytes of text and ${size} of binary go both ways`, async () => {
    const { engine, peer, messages } = await open();
    const data = "x".repeat(size);
    const bytes = new Uint8Array(size).fill(9);
    engine.send(data).send(bytes).send(new Blob([bytes]));
    await settle();
    await settle();
    const sent = peer.received().slice(2);
    const header = (length: number, binary: number): number[] =>
      length < 126
        ? [binary | length]
        : length < 65_536
          ? [binary | 126, length >> 8, length & 255]
          : [binary | 127, 0, 0, 0, 0, 0, (length >> 16) & 255, (length >> 8) & 255, length & 255];
    const expected = Buffer.concat([
      Uint8Array.from(header(size + 1, 0)),
      text(`4${data}`),
      ...[1, 2].flatMap(() => [Uint8Array.from(header(size, 128)), bytes]),
    ]);
    assert.equal(Buffer.compare(Buffer.from(sent), expected), 0);
    // What was sent comes back in three pieces, cut where it hurts.
    for (const piece of [expected.subarray(0, 2), expected.subarray(2, size), expected.subarray(Math.max(size, 2))]) {
      await peer.write(new Uint8Array(piece));
    }
    await settle();
    assert.deepEqual(messages, [data, bytes.buffer, bytes.buffer]);
    engine.close();
    await settle();
  });
}

test("a connection that ends, or fails, ends the session", async () => {
  const ended = await open();
  ended.peer.end();
  await settle();
  assert.deepEqual(ended.reasons, ["transport close"]);
  const failed = await open();
  const errors: string[] = [];
  failed.engine.on("error", (error) => errors.push(error.message));
  failed.peer.fail(new Error("lost"));
  await settle();
  assert.deepEqual([errors, failed.reasons], [["webtransport error"], ["transport error"]]);
});

test("a platform without it says so", async () => {
  Object.assign(globalThis, { WebTransport: undefined });
  const engine = new Engine("https://example.com", { transports: ["webtransport"] });
  const errors: string[] = [];
  engine.on("error", (error) => errors.push(error.message));
  await settle();
  assert.deepEqual(errors, ["webtransport error"]);
});
