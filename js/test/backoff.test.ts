import assert from "node:assert/strict";
import { mock, test } from "node:test";

import { Backoff } from "../src/backoff";

test("the delay doubles until it is as long as it may be", () => {
  const backoff = new Backoff({ min: 1000, max: 5000, jitter: 0 });
  assert.deepEqual([1, 2, 3, 4, 5].map(() => backoff.duration()), [1000, 2000, 4000, 5000, 5000]);
  assert.equal(backoff.attempts, 5);
  backoff.reset();
  assert.equal(backoff.duration(), 1000);
});

test("chance changes it by a share, and not beyond the longest", () => {
  const backoff = new Backoff({ min: 1000, max: 1200, jitter: 0.5 });
  for (const [random, delay] of [[0, 500], [0.25, 750], [0.5, 1000], [0.75, 1200]] as const) {
    const chance = mock.method(Math, "random", () => random);
    backoff.reset();
    assert.equal(backoff.duration(), delay);
    chance.mock.restore();
  }
});

test("it stays finite after a year of attempts", () => {
  const backoff = new Backoff({ min: 1000, max: 5000, jitter: 0.5 });
  backoff.attempts = 10_000;
  assert.equal(backoff.duration(), 5000);
});
