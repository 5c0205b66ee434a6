import assert from "node:assert/strict";
import { test } from "node:test";

import { type Packet, PacketType } from "../src/packet";
import { Decoder, Encoder } from "../src/parser/msgpack";

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

const exact = (bytes: Uint8Array): ArrayBuffer => new Uint8Array(bytes).buffer;

function decode(message: string | ArrayBuffer): Packet {
  const decoder = new Decoder();
  let found: Packet | undefined;
  decoder.on("decoded", (packet) => (found = packet));
  decoder.add(message);
  assert.ok(found);
  return found;
}

function roundTrip(value: unknown): unknown {
  const [message] = new Encoder().encode({ type: PacketType.EVENT, nsp: "/", data: ["e", value] });
  return (decode(exact(message!)).data as unknown[])[1];
}

test("the fields of a packet are in the order of the official parser", () => {
  const packet = { type: PacketType.EVENT, nsp: "/", data: ["a"], options: { compress: true }, id: 5 };
  const [message] = new Encoder().encode(packet);
  const fields = ["85", "a474797065", "02", "a464617461", "91a161", "a76f7074696f6e73", "81a8636f6d7072657373c3"];
  assert.equal(hex(message!), [...fields, "a36e7370", "a12f", "a26964", "05"].join(""));
});

const VALUES = [
  null, true, false, "", "text", "ü".repeat(40), "x".repeat(300), "y".repeat(70_000), [], [1, [2]], {}, { a: { b: "c" } },
  Array.from({ length: 20 }, (_, i) => i), Array.from({ length: 70_000 }, () => 0),
  Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`k${i}`, i])), new Date(1234567890123), new Date(-1),
  ...[0, 1, 127, 128, 255, 256, 65535, 65536, 2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER, 2 ** 60, 1.5, 1e300, Infinity],
  ...[-1, -32, -33, -128, -129, -32768, -32769, -(2 ** 31), -(2 ** 31) - 1, Number.MIN_SAFE_INTEGER, -0, -1.25],
];

for (const value of VALUES) {
  const name = JSON.stringify(value) ?? "undefined";
  test(`${name.slice(0, 40)} comes back`, () => assert.deepEqual(roundTrip(value), value));
}

test("NaN comes back", () => assert.ok(Number.isNaN(roundTrip(NaN))));

for (const size of [0, 1, 255, 256, 70_000]) {
  test(`${size} bytes come back`, () => {
    const bytes = new Uint8Array(size).fill(7);
    assert.deepEqual(roundTrip(bytes), bytes.buffer);
    assert.deepEqual(roundTrip(bytes.buffer), bytes.buffer);
  });
}

test("undefined is what it is, functions are left out, toJSON is asked", () => {
  assert.deepEqual(roundTrip([undefined]), [undefined]);
  assert.deepEqual(roundTrip({ a: () => {}, b: 1 }), { b: 1 });
  assert.deepEqual(roundTrip({ toJSON: () => ["json"] }), ["json"]);
});

test("what MessagePack has no form for is an error", () => {
  assert.throws(() => roundTrip(Symbol("s")), /no symbol/);
  assert.throws(() => roundTrip(1n), /no bigint/);
  assert.throws(() => roundTrip(new Blob(["x"])), /arrayBuffer/);
});

/** A packet whose data is given as MessagePack. */
const packetWith = (data: string): ArrayBuffer =>
  exact(Buffer.from(`83a47479706502a36e7370a12fa46461746192a165${data}`, "hex"));

const FOREIGN: [string, unknown][] = [
  ["cf0000000100000000", 2 ** 32], ["ca3fc00000", 1.5], ["d0ff", -1], ["d1ffff", -1], ["d2ffffffff", -1],
  ["d3ffffffffffffffff", -1], ["d9026162", "ab"], ["da00026162", "ab"], ["db000000026162", "ab"], ["dc0001c0", [null]],
  ["dd00000001c0", [null]], ["de0001a161c0", { a: null }], ["df00000001a161c0", { a: null }], ["8101c2", { 1: false }],
  ["c70300616263", new Uint8Array([0x61, 0x62, 0x63]).buffer], ["c50001ff", new Uint8Array([255]).buffer],
  ["d40561", [5, new Uint8Array([0x61]).buffer]], ["d7000000000000000001", new Date(1)],
];

for (const [encoded, value] of FOREIGN) {
  test(`${encoded} of another encoder is read`, () => {
    assert.deepEqual((decode(packetWith(encoded)).data as unknown[])[1], value);
  });
}

const INVALID = ["", "c0", "93", "c1", "83a474797065", "81a47479706502", "83a47479706509a36e7370a12fa46461746190"];

for (const encoded of INVALID) {
  test(`"${encoded}" is refused`, () => assert.throws(() => decode(exact(Buffer.from(encoded, "hex")))));
}

test("text, and what has bytes behind its end, is refused", () => {
  assert.throws(() => decode("text"), /binary/);
  assert.throws(() => decode(packetWith("c0c0")), /trailing/);
});
