// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import fc from "fast-check";
import { type Direction, TO_CLIENT, TO_SERVER } from "../../../codecs/direction.ts";
import {
  Flag,
  type FrameHeader,
  frameHeaderError,
  FrameType,
  isPlausibleHeader,
  isSettingsAck,
  readFrameHeader,
} from "../../../codecs/http2/frame.ts";
import { frame } from "../../support/http2_frames.ts";
import { hex } from "../../support/random.ts";

const header = (type: number, lengthBytes: number, streamId = 0, flags = 0): FrameHeader => ({
  type,
  lengthBytes,
  streamId,
  flags,
});

Deno.test("a frame header's nine bytes, the reserved bit apart", () => {
  const read = header(0, 0);
  readFrameHeader(hex("ff 010203 09 05 81020304"), 1, read);
  assert.deepEqual(read, header(9, 0x010203, 0x01020304, 5));
  readFrameHeader(hex("ffffff ff ff ffffffff"), 0, read);
  assert.deepEqual(read, header(255, 0xffffff, 0x7fffffff, 255));
});

Deno.test("lengths that a type cannot have", () => {
  const { DATA, PUSH_PROMISE, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE } = FrameType;
  const faults = [
    header(DATA, 0, 1, Flag.PADDED),
    header(PUSH_PROMISE, 3, 1),
    header(PUSH_PROMISE, 4, 1, Flag.PADDED),
    ...[0, 3, 5].map((length) => header(RST_STREAM, length, 1)),
    ...[1, 5, 7].map((length) => header(SETTINGS, length)),
    header(SETTINGS, 6, 0, Flag.ACK),
    ...[0, 7, 9].map((length) => header(PING, length)),
    ...[0, 7].map((length) => header(GOAWAY, length)),
    ...[0, 3, 5].map((length) => header(WINDOW_UPDATE, length)),
  ];
  for (const one of faults) assert.equal(frameHeaderError(one), "frame-size", JSON.stringify(one));
});

Deno.test("stream 0 where a stream is needed, and the other way round", () => {
  const { DATA, HEADERS, PUSH_PROMISE, CONTINUATION, RST_STREAM, SETTINGS, PING } = FrameType;
  for (const type of [DATA, HEADERS, PUSH_PROMISE, CONTINUATION, RST_STREAM]) {
    assert.equal(frameHeaderError(header(type, 4)), "frame-stream", `type ${type}`);
  }
  assert.equal(frameHeaderError(header(SETTINGS, 6, 1)), "frame-stream");
  assert.equal(frameHeaderError(header(PING, 8, 1)), "frame-stream");
});

Deno.test("what some receivers pass over is a frame: PRIORITY, short HEADERS, GOAWAY on a stream, unknown types", () => {
  const { PRIORITY, HEADERS, GOAWAY, SETTINGS } = FrameType;
  for (
    const one of [
      header(PRIORITY, 0),
      header(HEADERS, 0, 1, Flag.PADDED | Flag.PRIORITY),
      header(GOAWAY, 8, 1),
      header(SETTINGS, 6, 0, Flag.ACK | 0x40),
      header(0xff, 0xffffff, 1),
    ]
  ) assert.equal(frameHeaderError(one), undefined, JSON.stringify(one));
});

Deno.test("an acknowledgement has its flag alone, or no settings", () => {
  assert.ok(isSettingsAck(header(FrameType.SETTINGS, 0, 0, Flag.ACK)));
  assert.ok(isSettingsAck(header(FrameType.SETTINGS, 6, 0, Flag.ACK)));
  assert.ok(isSettingsAck(header(FrameType.SETTINGS, 0, 0, Flag.ACK | 2)));
  assert.ok(!isSettingsAck(header(FrameType.SETTINGS, 6, 0, Flag.ACK | 2)));
  assert.ok(!isSettingsAck(header(FrameType.SETTINGS, 0)));
});

const isPlausible = (bytes: Uint8Array, direction: Direction = TO_SERVER) =>
  isPlausibleHeader(bytes, 0, direction, 16384);

Deno.test("headers of frames that peers send are plausible", () => {
  const { DATA, HEADERS, PUSH_PROMISE, SETTINGS, GOAWAY, PRIORITY } = FrameType;
  for (
    const bytes of [
      frame(DATA, Flag.END_STREAM | Flag.PADDED, 1, new Uint8Array(16384)),
      frame(HEADERS, 0x2d, 3, new Uint8Array(6)),
      frame(SETTINGS, 0, 0, new Uint8Array(36)),
      frame(GOAWAY, 0, 0, new Uint8Array(8)),
      frame(PRIORITY, 0, 1, new Uint8Array(5)),
      frame(0x10, 0, 0, new Uint8Array(20)),
    ]
  ) assert.ok(isPlausible(bytes), bytes.subarray(0, 9).join());
  assert.ok(isPlausible(frame(PUSH_PROMISE, 4, 1, new Uint8Array(4)), TO_CLIENT));
  assert.ok(isPlausible(frame(HEADERS, 4, 2), TO_CLIENT));
});

Deno.test("headers that no peer sends are not: odd flags, the reserved bit, the wrong side, more than is allowed", () => {
  const { DATA, HEADERS, PUSH_PROMISE, SETTINGS, GOAWAY, PRIORITY } = FrameType;
  const reserved = frame(DATA, 0, 1);
  reserved[5] |= 0x80;
  for (
    const bytes of [
      reserved,
      frame(DATA, 0x04, 1),
      frame(DATA, 0, 1, new Uint8Array(0), 16385),
      frame(PUSH_PROMISE, 4, 1, new Uint8Array(4)),
      frame(HEADERS, 4, 2),
      frame(HEADERS, 0x28, 1, new Uint8Array(5)),
      frame(SETTINGS, 0, 0, new Uint8Array(0), 600),
      frame(GOAWAY, 0, 1, new Uint8Array(8)),
      frame(PRIORITY, 0, 0, new Uint8Array(5)),
      frame(0xff, 0, 0),
      frame(0x10, 0, 1),
    ]
  ) assert.ok(!isPlausible(bytes), bytes.subarray(0, 9).join());
});

Deno.test("what is plausible is valid, and no longer than is allowed", () => {
  const anyHeader = fc.tuple(
    fc.integer({ min: 0, max: 0xffffff }),
    fc.integer({ min: 0, max: 16 }),
    fc.constantFrom(0, 1, 4, 5, 8, 0x20, 0x2d, 0x40),
    fc.integer({ min: 0, max: 5 }),
    fc.constantFrom<Direction>(TO_SERVER, TO_CLIENT),
  );
  fc.assert(fc.property(anyHeader, ([length, type, flags, streamId, direction]) => {
    // Half of them short, or nearly none would be plausible.
    const lengthBytes = length % 2 === 0 ? length % 40 : length;
    if (!isPlausible(frame(type, flags, streamId, undefined, lengthBytes), direction)) return;
    assert.equal(frameHeaderError(header(type, lengthBytes, streamId, flags)), undefined);
    assert.ok(lengthBytes <= 16384);
  }));
});
