// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import fc from "fast-check";
import { TO_CLIENT, TO_SERVER } from "../../../codecs/direction.ts";
import { CONNECTION_PREFACE } from "../../../codecs/http2/frame.ts";
import { findFrameBoundary, findRequest, type Search } from "../../../codecs/http2/resync.ts";
import { bytesOf, data, headers, join, settings } from "../../support/http2_frames.ts";
import { hex } from "../../support/random.ts";

const SEARCH: Search = {
  direction: TO_SERVER,
  maxFrameSize: 16384,
  isExpected: (streamId) => streamId === 1,
  mayPreface: true,
};
const find = (bytes: Uint8Array, pieces: readonly number[] = [0], search: Partial<Search> = {}) =>
  findFrameBoundary(bytes, pieces, { ...SEARCH, ...search });
const foundAt = (at: number, isPreface = false) => ({ isFound: true, at, isPreface });
const notFound = (keepFrom: number) => ({ isFound: false, keepFrom });

const JUNK = new Uint8Array(10).fill(0xff);
const frames = (count: number, streamId = 1) =>
  join(...Array.from({ length: count }, (_, i) => data(streamId, "x".repeat(i + 5))));

Deno.test("where a piece begins one whole frame is enough, if its stream is expected", () => {
  assert.deepEqual(find(frames(1)), foundAt(0));
  assert.deepEqual(find(join(JUNK, frames(1)), [0, 10]), foundAt(10));
  assert.deepEqual(find(frames(1, 3)), notFound(0));
});

Deno.test("elsewhere two frames are, and three whatever their streams and however they go on", () => {
  assert.deepEqual(find(join(JUNK, frames(1))), notFound(10));
  assert.deepEqual(find(join(JUNK, frames(2))), foundAt(10));
  assert.deepEqual(find(join(JUNK, frames(2, 3))), notFound(10));
  assert.deepEqual(find(join(JUNK, frames(3, 3), bytesOf("more"))), foundAt(10));
  assert.deepEqual(find(join(JUNK, frames(2), bytesOf("more"))), notFound(10));
});

Deno.test("a candidate that is not decided is kept, what lies before it is not", () => {
  const bytes = join(JUNK, frames(3));
  const undecided = bytes.length - 1 - frames(1).length;
  for (let end = 11 + 8; end < undecided; end++) {
    const found = find(bytes.subarray(0, end));
    if (!found.isFound) assert.equal(found.keepFrom, 10, `${end} bytes`);
  }
  assert.deepEqual(find(JUNK), notFound(2));
});

Deno.test("the preface is a boundary of a client that may begin, at the start of a piece", () => {
  const bytes = join(JUNK, CONNECTION_PREFACE, settings());
  assert.deepEqual(find(bytes, [0, 10]), foundAt(10, true));
  assert.notDeepEqual(find(bytes, [0, 10], { mayPreface: false }), foundAt(10, true));
  assert.notDeepEqual(find(bytes, [0, 10], { direction: TO_CLIENT }), foundAt(10, true));
});

Deno.test("frames that are longer than is likely are none", () => {
  const bytes = join(JUNK, frames(3));
  assert.deepEqual(find(bytes, [0], { maxFrameSize: 7 }), foundAt(10));
  assert.notDeepEqual(find(bytes, [0], { maxFrameSize: 4 }), foundAt(10));
});

Deno.test("three frames in a row are found behind anything that is none, where they begin", () => {
  const junk = fc.uint8Array({ min: 0x80, max: 0xff, maxLength: 50 });
  fc.assert(fc.property(junk, (junk) => {
    assert.deepEqual(find(join(junk, frames(3))), foundAt(junk.length));
  }));
});

Deno.test("a request is found by its stream's number, behind other frames in its piece", () => {
  const request = headers(7, hex("82"));
  const found = (bytes: Uint8Array, pieces: number[], streamId = 7) =>
    findRequest(bytes, pieces, streamId, 16384);
  assert.equal(found(join(JUNK, request), [0, 10]), 10);
  assert.equal(found(join(JUNK, settings(), request), [0, 10]), 10);
  assert.equal(found(join(JUNK, request), [0, 10], 9), -1);
  assert.equal(found(join(JUNK, request), [0]), -1);
  assert.equal(found(join(JUNK, request).subarray(0, 19), [0, 10]), -1);
  assert.equal(found(join(JUNK, headers(5, hex("82")), request), [0, 10]), -1);
  assert.equal(found(new Uint8Array(0), []), -1);
});
