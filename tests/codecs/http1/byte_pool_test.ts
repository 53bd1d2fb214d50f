// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { BytePool } from "../../../codecs/http1/byte_pool.ts";

Deno.test("a buffer that was given back is taken again, whatever short length is asked for", () => {
  const pool = new BytePool();
  const buffer = pool.take(10);
  pool.give(buffer);
  assert.equal(pool.take(buffer.length), buffer);
  assert.notEqual(pool.take(1), buffer);
});

Deno.test("a buffer is at least as long as asked for, and a long one is not kept", () => {
  const pool = new BytePool();
  for (const length of [0, 1, 2047, 2048, 2049, 100_000]) assert.ok(pool.take(length).length >= length);
  const long = pool.take(5000);
  pool.give(long);
  assert.notEqual(pool.take(5000), long);
});

Deno.test("buffers of other origin are let go, and so are more than are likely to be used", () => {
  const pool = new BytePool();
  const foreign = new Uint8Array(100);
  pool.give(foreign);
  assert.notEqual(pool.take(100), foreign);
  const many = Array.from({ length: 300 }, () => pool.take(1));
  for (const buffer of many) pool.give(buffer);
  const again = new Set(many);
  const kept = many.filter(() => again.has(pool.take(1))).length;
  assert.equal(kept, 256);
});
