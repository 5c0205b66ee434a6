import assert from "node:assert/strict";
import { test } from "node:test";

import { Emitter } from "../src/emitter";
import type { DefaultEventsMap } from "../src/types";

const make = (): Emitter<DefaultEventsMap, DefaultEventsMap> => new Emitter();

test("listeners are called in order, with what was given, and with the emitter as this", () => {
  const emitter = make();
  const seen: unknown[] = [];
  emitter.on("event", function (this: unknown, ...args) {
    seen.push(this === emitter, args);
  });
  emitter.on("event", () => seen.push("second"));
  assert.equal(emitter.emit("event", 1, "two"), emitter);
  assert.deepEqual(seen, [true, [1, "two"], "second"]);
});

test("once is once, even when the listener emits the event again", () => {
  const emitter = make();
  let calls = 0;
  emitter.once("event", () => {
    calls++;
    emitter.emit("event");
  });
  emitter.emit("event").emit("event");
  assert.equal(calls, 1);
});

test("off removes one registration, one event, or everything", () => {
  const emitter = make();
  let calls = 0;
  const listener = (): void => void calls++;
  emitter.on("event", listener).on("event", listener).once("event", listener);
  emitter.off("event", listener).emit("event");
  assert.equal(calls, 2);
  assert.equal(emitter.listeners("event").length, 1);
  emitter.off("event", () => {}).off("event", undefined);
  assert.ok(emitter.hasListeners("event"));
  emitter.off("event");
  assert.ok(!emitter.hasListeners("event"));
  emitter.on("a", listener).on("b", listener);
  emitter.removeAllListeners();
  assert.deepEqual([emitter.hasListeners("a"), emitter.hasListeners("b")], [false, false]);
});

test("who is removed or added while an event is emitted changes nothing for it", () => {
  const emitter = make();
  const seen: string[] = [];
  const second = (): void => void seen.push("second");
  emitter.on("event", () => {
    seen.push("first");
    emitter.off("event", second);
    emitter.on("event", () => seen.push("third"));
  });
  emitter.on("event", second);
  emitter.emit("event");
  assert.deepEqual(seen, ["first", "second"]);
});

test("the other names do the same", () => {
  const emitter = make();
  assert.equal(emitter.addEventListener, emitter.on);
  for (const name of ["removeListener", "removeEventListener", "removeAllListeners"] as const) {
    assert.equal(emitter[name], emitter.off);
  }
});
