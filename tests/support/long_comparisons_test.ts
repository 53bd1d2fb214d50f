// SPDX-License-Identifier: MIT
/** Comparisons of values with many lines: what a failure says, and where it is. @module */
import assert from "node:assert/strict";

function failureOf(compare: () => void): Error {
  try {
    compare();
  } catch (error) {
    return error as Error;
  }
  throw new Error("they are the same");
}

const LONG = 3000;

Deno.test("a comparison of many values that fails says how they begin, in few words", () => {
  const lines = (line: string) => `${line}\n`.repeat(LONG);
  const connection = { name: "client>server", streams: [new Uint8Array(LONG), new Uint8Array(LONG)] };
  for (
    const compare of [
      () => assert.deepEqual([["some"], [connection]], [["some"], []]),
      () => assert.deepEqual(Array(LONG).fill(1), Array(LONG).fill(2)),
      () => assert.deepEqual(new Map(Array(LONG).entries()), new Map()),
      () => assert.equal(lines("one"), lines("other")),
    ]
  ) {
    const { name, message } = failureOf(compare);
    assert.equal(name, "AssertionError");
    assert.ok(message.length < 10_000, `${message.length} characters`);
  }
  assert.match(failureOf(() => assert.deepEqual(Array(LONG), [], "the list")).message, /^the list\n/);
});

Deno.test("a comparison that fails is at its own place, and few values are told apart line by line", () => {
  for (const length of [2, LONG]) {
    const { stack } = failureOf(() => assert.deepEqual(Array(length).fill(1), [1]));
    assert.match(stack!, /^ {4}at .*$/m);
    assert.match(/^ {4}at .*$/m.exec(stack!)![0], /long_comparisons_test\.ts/);
  }
  assert.match(failureOf(() => assert.deepEqual([1, 2], [1, 3])).message, /^\+ {3}2\n- {3}3$/m);
  const own = new Error("own");
  assert.equal(failureOf(() => assert.deepEqual(Array(LONG), [], own)), own);
});

Deno.test("many values that are the same are, and those of another kind are not", () => {
  assert.deepEqual([new Uint8Array(LONG)], [new Uint8Array(LONG)]);
  failureOf(() => assert.deepEqual(new Uint8Array(LONG), Array(LONG).fill(0)));
  const itself: unknown[] = Array(LONG);
  itself.push(itself);
  assert.deepEqual(itself, itself);
});
