// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import fc from "fast-check";
import { TO_CLIENT } from "../../../codecs/direction.ts";
import { BoundarySearch } from "../../../codecs/http2/boundary_search.ts";
import { data, join } from "../../support/http2_frames.ts";

const MAX_FRAME_SIZE = 16384;
const newSearch = (joinedLate = true) =>
  new BoundarySearch(TO_CLIENT, joinedLate, (streamId) => streamId === 1);
const look = (search: BoundarySearch, bytes: Uint8Array) =>
  search.look(bytes, 0, bytes.length, MAX_FRAME_SIZE);
const FRAMES = join(data(1, "a"), data(1, "b"), data(1, "c"));
const junk = (length: number) => new Uint8Array(length).fill(0xff);

Deno.test("what was passed over is counted to the byte, whatever pieces it came in", () => {
  const pieces = fc.array(fc.integer({ min: 1, max: 3000 }), { maxLength: 40 });
  fc.assert(fc.property(pieces, (lengths) => {
    const search = newSearch();
    for (const length of lengths) assert.equal(look(search, junk(length)), undefined);
    const passed = lengths.reduce((sum, length) => sum + length, 0);
    assert.equal(search.unsyncedBytes, passed);
    const found = look(search, FRAMES)!;
    assert.equal(found.skippedBytes, passed);
    assert.deepEqual(found.bytes.subarray(found.at), FRAMES);
    assert.equal(search.unsyncedBytes, 0);
  }));
});

Deno.test("frames that come byte by byte are found with every byte", () => {
  const search = newSearch();
  look(search, junk(7));
  for (const [index, byte] of FRAMES.entries()) {
    const found = look(search, Uint8Array.of(byte));
    if (found === undefined) continue;
    assert.deepEqual(found.bytes.subarray(found.at), FRAMES.subarray(0, index + 1));
    return assert.equal(found.skippedBytes, 7);
  }
  assert.fail("not found");
});

Deno.test("there is always room, and never more is kept than the window", () => {
  const search = newSearch();
  // The header of a frame that never ends: a candidate that is never decided.
  const endless = data(1, "").slice();
  endless.set([0, 0x40, 0]);
  for (let times = 0; times < 20; times++) {
    const piece = times === 0 ? endless : new Uint8Array(10_000);
    for (let at = 0; at < piece.length;) {
      const end = Math.min(piece.length, at + search.roomBytes);
      assert.ok(end > at);
      search.look(piece, at, end, 0xffffff);
      at = end;
    }
    assert.ok(search.roomBytes > 0 && search.roomBytes <= 64 * 1024);
  }
});

Deno.test("it is hopeless behind a megabyte", () => {
  const search = newSearch();
  for (let times = 0; times < 32; times++) look(search, junk(32 * 1024));
  assert.ok(!search.isHopeless);
  look(search, junk(32 * 1024));
  assert.ok(search.isHopeless);
});

Deno.test("behind a gap what was kept proves nothing any more, but is counted", () => {
  const search = newSearch();
  look(search, FRAMES.subarray(0, 12));
  search.restart();
  assert.equal(search.unsyncedBytes, 12);
  assert.equal(look(search, FRAMES)!.skippedBytes, 12);
});

Deno.test("a connection of which something was read needs frames of streams that are known", () => {
  const unknown = data(3, "x");
  assert.notEqual(look(newSearch(true), unknown), undefined);
  assert.equal(look(newSearch(false), unknown), undefined);
  assert.notEqual(look(newSearch(false), data(1, "x")), undefined);
});
