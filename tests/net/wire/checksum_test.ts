// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import {
  checksumOfSum,
  foldSum,
  nativeSum,
  networkSum,
  swap16,
  WordView,
} from "../../../net/wire/checksum.ts";
import { hex, withSeed } from "../../support/random.ts";

/** RFC 1071 as written: sum of big-endian words, carries added back one by one. */
function naive(bytes: Uint8Array): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) {
    sum += bytes[at] * 256 + (at + 1 < bytes.length ? bytes[at + 1] : 0);
    if (sum > 0xffff) sum -= 0xffff;
  }
  return sum;
}

/** 0 and 0xffff are the same number in one's complement. */
function same(a: number, b: number): boolean {
  return a % 0xffff === b % 0xffff;
}

Deno.test("the example of RFC 1071 section 3", () => {
  const bytes = hex("0001 f203 f4f5 f6f7");
  assert.equal(networkSum(bytes, 0, 8), 0xddf2);
  assert.equal(checksumOfSum(networkSum(bytes, 0, 8)), 0x220d);
});

Deno.test("both sums equal a naive one at every offset and length", () =>
  withSeed((random) => {
    const view = new WordView(new ArrayBuffer(4096));
    const vectors = WordView.of(4096);
    assert.notEqual(vectors.vectorSum, undefined, "every machine that Deno runs on has vectors");
    view.bytes.set(random.bytes(4096));
    vectors.bytes.set(view.bytes);
    for (let round = 0; round < 20000; round++) {
      const offset = random.below(64);
      const length = round % 2 ? random.below(70) : random.below(2000);
      const expected = naive(view.bytes.subarray(offset, offset + length));
      assert.ok(same(networkSum(view.bytes, offset, length), expected), `network ${offset} ${length}`);
      const native = nativeSum(view, offset, length);
      assert.ok(same(swap16(native), expected), `native ${offset} ${length}`);
      assert.equal(nativeSum(vectors, offset, length), native, `vectors ${offset} ${length}`);
    }
  }));

Deno.test("what is on the stage is copied to where it is asked for, and nothing else is touched", () =>
  withSeed((random) => {
    const view = WordView.of(4096, 1000);
    const { bytes, stage } = view;
    assert.ok(stage !== undefined && stage.bytes.length === 1000);
    assert.ok(stage.bytes.byteOffset >= 4096);
    bytes.fill(0xaa);
    stage.bytes.set(random.bytes(1000));
    const start = random.below(500), length = random.below(500), to = random.below(3000);
    const expected = bytes.slice();
    expected.set(stage.bytes.subarray(start, start + length), to);
    stage.copy(to, start, length);
    assert.deepEqual(bytes, expected);
    assert.equal(WordView.of(4096).stage, undefined);
  }));

Deno.test("the largest sums do not overflow", () => {
  for (const view of [new WordView(new ArrayBuffer(131072)), WordView.of(131072)]) {
    view.bytes.fill(0xff);
    for (const offset of [0, 1, 2, 3]) {
      assert.equal(nativeSum(view, offset, 65536 * 2 - 4), 0xffff);
      assert.equal(networkSum(view.bytes, offset, 65536 * 2 - 4), 0xffff);
    }
  }
});

Deno.test("folding keeps the value modulo 65535 and fits 16 bits", () => {
  for (const sum of [0, 1, 0xffff, 0x10000, 0x1ffff, 0x7fffffff]) {
    assert.ok(foldSum(sum) <= 0xffff);
    assert.ok(same(foldSum(sum), sum), String(sum));
  }
});
