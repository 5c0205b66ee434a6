import assert from "node:assert/strict";
import { test } from "node:test";

import { type Packet, PacketType } from "../src/packet";
import { Decoder, Encoder } from "../src/parser/json";

const encode = (packet: Packet): unknown[] => new Encoder().encode(packet);

function decode(...messages: (string | ArrayBuffer)[]): Packet[] {
  const decoder = new Decoder();
  const packets: Packet[] = [];
  decoder.on("decoded", (packet) => packets.push(packet));
  for (const message of messages) decoder.add(message);
  return packets;
}

const bytes = (...values: number[]): ArrayBuffer => new Uint8Array(values).buffer;

const { CONNECT, DISCONNECT, EVENT, ACK, CONNECT_ERROR } = PacketType;

// As in the examples of the protocol.
const TEXTS: [Packet, string][] = [
  [{ type: CONNECT, nsp: "/" }, "0"],
  [{ type: CONNECT, nsp: "/admin", data: { token: "123" } }, '0/admin,{"token":"123"}'],
  [{ type: CONNECT, nsp: "/?a=b" }, "0/?a=b,"],
  [{ type: DISCONNECT, nsp: "/admin" }, "1/admin,"],
  [{ type: EVENT, nsp: "/", data: ["foo"] }, '2["foo"]'],
  [{ type: EVENT, nsp: "/admin", data: ["bar", 1], id: 12 }, '2/admin,12["bar",1]'],
  [{ type: EVENT, nsp: "/", data: [1, "a number as a name"] }, '2[1,"a number as a name"]'],
  [{ type: ACK, nsp: "/", data: [], id: 0 }, "30[]"],
  [{ type: CONNECT_ERROR, nsp: "/", data: { message: "no" } }, '4{"message":"no"}'],
  [{ type: CONNECT_ERROR, nsp: "/", data: "no" }, '4"no"'],
];

for (const [packet, text] of TEXTS) {
  test(`${text} and back`, () => {
    assert.deepEqual(encode(packet), [text]);
    assert.deepEqual(decode(text), [packet]);
  });
}

test("bytes follow in the order of their placeholders", () => {
  const view = new DataView(bytes(1, 2, 3, 4), 1, 2);
  const blob = new Blob(["x"]);
  const packet = { type: EVENT, nsp: "/", id: 7, data: ["e", { a: [bytes(9)], b: view }, blob] };
  const [text, ...attachments] = encode(packet);
  const holes = [0, 1, 2].map((num) => `{"_placeholder":true,"num":${num}}`);
  assert.equal(text, `53-7["e",{"a":[${holes[0]}],"b":${holes[1]}},${holes[2]}]`);
  assert.deepEqual(attachments, [bytes(9), view, blob]);
  assert.deepEqual(decode('52-["e",{"_placeholder":true,"num":1},{"_placeholder":true,"num":0}]', bytes(1), bytes(2)), [
    { type: EVENT, nsp: "/", data: ["e", bytes(2), bytes(1)] },
  ]);
});

test("a Buffer and what has toJSON", () => {
  const [text, buffer] = encode({ type: ACK, nsp: "/", id: 1, data: [Buffer.from("ab"), new Date(0)] });
  assert.equal(text, '61-1[{"_placeholder":true,"num":0},"1970-01-01T00:00:00.000Z"]');
  assert.deepEqual(buffer, Buffer.from("ab"));
  const wrapped = { toJSON: () => ({ inner: bytes(5) }) };
  assert.deepEqual(encode({ type: EVENT, nsp: "/", data: ["e", wrapped] }), [
    '51-["e",{"inner":{"_placeholder":true,"num":0}}]',
    bytes(5),
  ]);
});

test("a circle is an error", () => {
  const circle: Record<string, unknown> = {};
  circle.self = circle;
  assert.throws(() => encode({ type: EVENT, nsp: "/", data: ["e", circle] }));
});

const INVALID = [
  "", "7", "x", "2", "2{}", "2[]", '2["connect"]', '2["disconnecting"]', "2[null]", '2["unfinished', "3", "3{}", "0[]",
  '0"text"', "0null", "1{}", "1[]", "4", "4[]", "41", '5["no number"]', '2-["e"]', '51-{"a":1}', '511-["e"]',
];

for (const text of INVALID) {
  test(`${JSON.stringify(text)} is refused`, () => assert.throws(() => decode(text)));
}

for (const num of ["2", "-1", '"0"', "0.5", "null"]) {
  test(`a placeholder with the number ${num} is refused`, () => {
    assert.throws(() => decode(`51-["e",{"_placeholder":true,"num":${num}}]`, bytes(1)), /invalid attachments/);
  });
}

test("bytes that nobody waits for, and text where bytes must come, are refused", () => {
  assert.throws(() => decode(bytes(1)), /unexpected binary/);
  assert.throws(() => decode('51-["e",{"_placeholder":true,"num":0}]', "0"), /unexpected text/);
});

test("what is not complete is forgotten", () => {
  const decoder = new Decoder();
  const packets: Packet[] = [];
  decoder.on("decoded", (packet) => packets.push(packet));
  decoder.add('51-["e",{"_placeholder":true,"num":0}]');
  decoder.destroy();
  decoder.add('2["f"]');
  assert.deepEqual(packets, [{ type: EVENT, nsp: "/", data: ["f"] }]);
});

test("the keys of objects change no prototypes", () => {
  const [packet] = decode('51-["e",{"__proto__":{"x":{"_placeholder":true,"num":0}}}]', bytes(1));
  assert.equal(Object.getPrototypeOf((packet!.data as unknown[])[1]), Object.prototype);
});
