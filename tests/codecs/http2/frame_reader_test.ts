// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import fc from "fast-check";
import { type Direction, TO_CLIENT, TO_SERVER } from "../../../codecs/direction.ts";
import { CONNECTION_PREFACE, Flag, type FrameHeader, FrameType } from "../../../codecs/http2/frame.ts";
import { FrameReader } from "../../../codecs/http2/frame_reader.ts";
import { FrameLog } from "../../support/frame_log.ts";
import { bytesOf, data, frame, headers, join, reset, settings } from "../../support/http2_frames.ts";
import { hex } from "../../support/random.ts";

const MAX_KEPT_BYTES = 100;

function newReader(direction: Direction = TO_CLIENT, joinedLate = false, log = new FrameLog()) {
  if (joinedLate) log.isSure = false;
  return { log, reader: new FrameReader(direction, log, joinedLate, MAX_KEPT_BYTES) };
}

/** What is told of bytes that come in these pieces. */
function told(pieces: readonly Uint8Array[], direction: Direction = TO_CLIENT): string[] {
  const { log, reader } = newReader(direction);
  for (const piece of pieces) reader.data(piece);
  return log.lines;
}

const padded = (streamId: number, body: string, padding: number, flags = 0) =>
  frame(
    0,
    flags | Flag.PADDED,
    streamId,
    join(Uint8Array.of(padding), bytesOf(body), new Uint8Array(padding)),
  );

/** A frame of every kind. */
const FRAMES = join(
  settings([5, 20000]),
  headers(1, hex("88")),
  data(1, "hello"),
  data(1, ""),
  padded(1, "padded", 3),
  padded(1, "", 2),
  padded(1, "", 0, Flag.END_STREAM),
  frame(FrameType.PING, 0, 0, new Uint8Array(8)),
  frame(FrameType.WINDOW_UPDATE, 0, 1, new Uint8Array(4)),
  frame(0xfa, 0, 0),
  frame(0xfa, 0, 0, new Uint8Array(20)),
  reset(3),
);

const FRAMES_TOLD = [
  "SETTINGS/0 flags=0 length=6",
  "payload of SETTINGS/0: 000500004e20",
  "HEADERS/1 flags=4 length=1",
  "payload of HEADERS/1: 88",
  "DATA/1 flags=0 length=5",
  "data: hello",
  "data end",
  "DATA/1 flags=0 length=0",
  "data end",
  "DATA/1 flags=8 length=10",
  "data: padded",
  "data end",
  "DATA/1 flags=8 length=3",
  "data end",
  "DATA/1 flags=9 length=1",
  "data end",
  "PING/0 flags=0 length=8",
  "WINDOW_UPDATE/1 flags=0 length=4",
  "0xfa/0 flags=0 length=0",
  "0xfa/0 flags=0 length=20",
  "RST_STREAM/3 flags=0 length=4",
  "payload of RST_STREAM/3: 00000008",
];

Deno.test("frames of every kind: payloads that matter are whole, data is told without padding", () => {
  assert.deepEqual(told([FRAMES]), FRAMES_TOLD);
});

Deno.test("one byte at a time, and cut at every offset", () => {
  assert.deepEqual(told(Array.from(FRAMES, (byte) => Uint8Array.of(byte))), FRAMES_TOLD);
  for (let cut = 0; cut <= FRAMES.length; cut++) {
    assert.deepEqual(told([FRAMES.subarray(0, cut), FRAMES.subarray(cut)]), FRAMES_TOLD, `cut at ${cut}`);
  }
});

Deno.test("a client's first bytes are the preface, wherever it is cut", () => {
  const bytes = join(CONNECTION_PREFACE, FRAMES);
  for (let cut = 0; cut <= CONNECTION_PREFACE.length; cut++) {
    assert.deepEqual(told([bytes.subarray(0, cut), bytes.subarray(cut)], TO_SERVER), FRAMES_TOLD);
  }
});

Deno.test("other first bytes are told from the first on, at every place where they differ", () => {
  const hexOf = (text: string) =>
    [...bytesOf(text)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  for (let at = 0; at < CONNECTION_PREFACE.length; at++) {
    const text = `${String.fromCharCode(...CONNECTION_PREFACE.subarray(0, at))}\xffmore`;
    const expected = [`unreadable, preface: ${hexOf(text)}`];
    assert.deepEqual(told([bytesOf(text)], TO_SERVER), expected);
    assert.deepEqual(told(Array.from(bytesOf(text), (byte) => Uint8Array.of(byte)), TO_SERVER), expected);
  }
});

Deno.test("a fault makes the direction unreadable from the header of its frame on, to the last byte", () => {
  const bad = frame(FrameType.PING, 0, 1, new Uint8Array(8));
  const bytes = join(data(1, "x"), bad, data(1, "y"));
  const rest = [...bytes.subarray(10)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  for (let cut = 0; cut <= bytes.length; cut++) {
    const lines = told([bytes.subarray(0, cut), bytes.subarray(cut)]);
    assert.equal(lines.at(-1), `unreadable, frame-stream: ${rest}`, `cut at ${cut}`);
  }
});

Deno.test("so does what its owner finds wrong in a header", () => {
  const log = new FrameLog(({ streamId }: FrameHeader) => streamId === 9 ? "owner" : undefined);
  const { reader } = newReader(TO_CLIENT, false, log);
  reader.data(join(data(1, "x"), data(9, "y")));
  assert.equal(log.lines.at(-1), "unreadable, owner: 00000100000000000979");
});

Deno.test("padding that is longer than its frame: none of it is data, the next frame is read", () => {
  const bad = frame(0, Flag.PADDED, 1, Uint8Array.of(3, 0x61, 0x62));
  assert.deepEqual(told([join(bad, data(1, "next"))]), [
    "DATA/1 flags=8 length=3",
    "bad padding",
    "DATA/1 flags=0 length=4",
    "data: next",
    "data end",
  ]);
});

Deno.test("a payload beyond the bound is lost, one at the bound is whole", () => {
  const most = frame(1, 4, 1, new Uint8Array(MAX_KEPT_BYTES));
  assert.equal(told([most])[1], `payload of HEADERS/1: ${"00".repeat(MAX_KEPT_BYTES)}`);
  const more = frame(1, 4, 1, new Uint8Array(MAX_KEPT_BYTES + 1));
  assert.deepEqual(told([join(more, reset(3))]), [
    "HEADERS/1 flags=4 length=101",
    "payload lost of HEADERS/1",
    "RST_STREAM/3 flags=0 length=4",
    "payload of RST_STREAM/3: 00000008",
  ]);
});

/** What is told of the frames and one more behind them when the bytes `[from, to)` are a gap. */
function toldWithGap(from: number, to: number): string[] {
  const { log, reader } = newReader();
  const bytes = join(FRAMES, reset(5));
  reader.data(bytes.subarray(0, from));
  reader.gap(to - from);
  reader.data(bytes.subarray(to));
  return log.lines;
}

Deno.test("a gap within a frame's data is told with its length, and the next frame is read", () => {
  const start = settings([5, 0]).length + headers(1, hex("88")).length + 9;
  assert.deepEqual(toldWithGap(start + 1, start + 4).slice(4, 9), [
    "DATA/1 flags=0 length=5",
    "data: h",
    "data gap: 3",
    "data: o",
    "data end",
  ]);
});

Deno.test("a gap up to a frame's last byte ends it at once, whether that was data or padding", () => {
  for (const bytes of [data(1, "hello"), padded(1, "hello", 3)]) {
    for (const received of [10, 12, 13]) {
      const { log, reader } = newReader();
      reader.data(bytes.subarray(0, received));
      reader.gap(bytes.length - received);
      assert.ok(log.lines.includes("data end"));
      reader.data(reset(3));
      assert.equal(log.lines.at(-1), "payload of RST_STREAM/3: 00000008");
    }
  }
});

Deno.test("a gap anywhere: what lies before it is told as it was, and what lies behind is found", () => {
  const frameStarts: number[] = [];
  for (let at = 0; at < FRAMES.length;) {
    frameStarts.push(at);
    at += 9 + (FRAMES[at] << 16 | FRAMES[at + 1] << 8 | FRAMES[at + 2]);
  }
  for (let from = 0; from < FRAMES.length; from++) {
    const frameEnd = frameStarts.find((start) => start > from) ?? FRAMES.length;
    const isInHeader = frameStarts.some((start) => from >= start && from < start + 9);
    for (let to = from + 1; to <= FRAMES.length; to += 7) {
      const lines = toldWithGap(from, to);
      const keepsPlace = !isInHeader && to <= frameEnd;
      assert.equal(lines.includes("sync lost"), !keepsPlace, `gap of ${from} to ${to}`);
      if (keepsPlace) assert.equal(lines.at(-2), "RST_STREAM/5 flags=0 length=4");
      assert.ok(!lines.some((line) => line.startsWith("unreadable")));
    }
  }
});

Deno.test("behind a lost place frames are looked for, and what was passed over is told", () => {
  const { log, reader } = newReader();
  log.expected.add(1);
  reader.data(data(1, "x"));
  reader.gap(5);
  log.lines.length = 0;
  reader.data(bytesOf("rest of a frame"));
  assert.equal(reader.unsyncedBytes, 15);
  reader.data(data(1, "found"));
  assert.deepEqual(log.lines, ["synced after 15", "DATA/1 flags=0 length=5", "data: found", "data end"]);
  assert.equal(reader.unsyncedBytes, 0);
});

Deno.test("a boundary that turns out to be none is left again, but not for ever", () => {
  const log = new FrameLog(({ flags }) => flags === 1 ? "owner" : undefined);
  const { reader } = newReader(TO_CLIENT, true, log);
  log.expected.add(1);
  for (let times = 0; times < 8; times++) reader.data(join(data(1, "x"), data(1, "y", 1)));
  assert.equal(log.lines.filter((line) => line === "sync lost").length, 8);
  reader.data(join(data(1, "x"), data(1, "y", 1)));
  assert.match(log.lines.at(-1)!, /^unreadable, owner: /);
});

Deno.test("the client's request is found by the server's answer to it", () => {
  const { log, reader } = newReader(TO_SERVER, true);
  // One whole frame of a stream that nobody expects is no sign by itself.
  reader.data(bytesOf("\xff\xff"));
  reader.data(join(headers(7, hex("82")), data(7, "unfinished").subarray(0, 12)));
  assert.deepEqual(log.lines, []);
  reader.answered(5);
  assert.deepEqual(log.lines, []);
  reader.answered(7);
  assert.deepEqual(log.lines, [
    "synced after 2",
    "HEADERS/7 flags=4 length=1",
    "payload of HEADERS/7: 82",
    "DATA/7 flags=0 length=10",
    "data: unf",
  ]);
});

Deno.test("a megabyte without any frame is no HTTP/2", () => {
  const { log, reader } = newReader(TO_CLIENT, true);
  const noise = new Uint8Array(32 * 1024).fill(0xff);
  for (let times = 0; times < 32; times++) reader.data(noise);
  assert.deepEqual(log.lines, []);
  for (let times = 0; times < 2; times++) reader.data(noise);
  assert.match(log.lines[0], /^unreadable, no-frame-boundary: (ff)+$/);
});

Deno.test("whatever pieces frames come in, the same is told", () => {
  const body = fc.string({ maxLength: 40 });
  const oneFrame = fc.oneof(
    body.map((text) => data(1, text)),
    fc.tuple(body, fc.nat(20)).map(([text, padding]) => padded(1, text, padding)),
    fc.uint8Array({ maxLength: 120 }).map((payload) => headers(3, payload)),
    fc.uint8Array({ maxLength: 50 }).map((payload) => frame(0xfb, 1, 7, payload)),
    fc.constant(settings([1, 0], [5, 65536])),
  );
  const cuts = fc.array(fc.nat(1000), { maxLength: 20 });
  fc.assert(fc.property(fc.array(oneFrame, { maxLength: 15 }), cuts, (frames, cuts) => {
    const bytes = join(...frames);
    const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
    const pieces = places.slice(1).map((end, i) => bytes.subarray(places[i], end));
    assert.deepEqual(told(pieces), told([bytes]));
  }));
});

Deno.test("of bytes that are no frames none is told twice or left out, whatever they are", () => {
  // Below 0x80, since the reserved bit of a stream's number is told as 0.
  const piece = fc.uint8Array({ max: 0x7f, maxLength: 30 });
  fc.assert(fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
    const all = join(...pieces);
    const lines = told(pieces);
    const unreadable = /: ([0-9a-f]*)$/.exec(lines.find((line) => line.startsWith("unreadable")) ?? ": ")![1];
    const hexAll = [...all].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    assert.ok(hexAll.endsWith(unreadable));
  }));
});
