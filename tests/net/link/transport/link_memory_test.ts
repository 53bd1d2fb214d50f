// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { LINK_BLOCK_MAX } from "../../../../net/link/blocks/link.ts";
import { LinkMemory } from "../../../../net/link/transport/link_memory.ts";

const BUSY = LINK_BLOCK_MAX;

Deno.test("a busy connection gets a large buffer, and a small one again when it is at rest", () => {
  const memory = new LinkMemory();
  const reader = memory.of(1);
  const first = reader.take(0);
  assert.equal(first.length, LINK_BLOCK_MAX);
  const large = reader.take(BUSY);
  assert.ok(large.length > first.length);
  assert.equal(reader.take(BUSY).length, large.length);
  assert.equal(reader.take(100).length, LINK_BLOCK_MAX);
});

Deno.test("of many busy connections none gets a large buffer, and fewer runs of each wait", () => {
  const memory = new LinkMemory();
  const alone = memory.waitingMax;
  const readers = Array.from({ length: 100 }, (_, link) => memory.of(link));
  for (const reader of readers) reader.take(BUSY);
  for (const reader of readers) assert.equal(reader.take(BUSY).length, LINK_BLOCK_MAX);
  assert.ok(memory.waitingMax < alone);
  for (let link = 1; link < 100; link++) memory.forget(link);
  assert.ok(readers[0].take(BUSY).length > LINK_BLOCK_MAX);
  assert.equal(memory.waitingMax, alone);
});

Deno.test("a buffer that came back is used again", () => {
  const memory = new LinkMemory();
  const reader = memory.of(1);
  for (const bytesBefore of [0, BUSY]) {
    const buffer = reader.take(bytesBefore);
    memory.giveBack(buffer);
    assert.equal(reader.take(bytesBefore), buffer);
  }
});

Deno.test("of buffers that came back some are kept and the others freed, and none of another size is used", () => {
  const memory = new LinkMemory();
  const reader = memory.of(1);
  memory.giveBack(new Uint8Array(100));
  const buffers = Array.from({ length: 100 }, () => reader.take(0));
  for (const buffer of buffers) {
    assert.equal(buffer.length, LINK_BLOCK_MAX);
    memory.giveBack(buffer);
  }
  const kept = buffers.filter(({ length }) => length > 0).length;
  assert.ok(kept > 0 && kept < 100, `${kept}`);
});
