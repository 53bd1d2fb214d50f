// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { cString, libc } from "../../../net/ffi/libc.ts";
import { SharedMapping } from "../../../net/ffi/mapping.ts";

Deno.test("a view cannot be read after its memory is unmapped", async () => {
  const path = await Deno.makeTempFile();
  await Deno.truncate(path, 8192);
  const fd = libc().open(cString(path), 2, 0);
  const mapping = SharedMapping.map(fd, 8192);
  libc().close(fd);
  const view = mapping.view(4096, 4096);
  const bytes = new Uint8Array(view);
  const part = bytes.subarray(10, 20);
  const words = new Int32Array(view);
  bytes[10] = 7;
  assert.equal((await Deno.readFile(path))[4106], 7);
  const other = mapping.view(0, 8192);
  mapping.release(view);
  assert.equal(part[0], undefined);
  assert.equal(new Uint8Array(other)[4106], 7);
  mapping.unmap();
  mapping.unmap();
  assert.deepEqual([bytes.length, part.length, words[3], other.byteLength], [0, 0, undefined, 0]);
  assert.throws(() => Atomics.load(words, 0));
  assert.throws(() => bytes.fill(1));
  assert.throws(() => mapping.view(0, 1), /unmapped/);
  await Deno.remove(path);
});

Deno.test("a view outside the mapping is refused", async () => {
  const path = await Deno.makeTempFile();
  await Deno.truncate(path, 4096);
  const fd = libc().open(cString(path), 2, 0);
  const mapping = SharedMapping.map(fd, 4096);
  for (const [offset, length] of [[0, 4097], [4096, 1], [-1, 1], [0, -1]]) {
    assert.throws(() => mapping.view(offset, length), RangeError);
  }
  mapping.unmap();
  libc().close(fd);
  await Deno.remove(path);
});

Deno.test("a mapping that the kernel refuses is an error that names it", () => {
  assert.throws(() => SharedMapping.map(-1, 4096), /Cannot map 4096 bytes: EBADF/);
});
