// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { type Direction, TO_CLIENT, TO_SERVER } from "../../../codecs/direction.ts";
import { BlockReader } from "../../../codecs/http2/block_reader.ts";
import { DEFAULT_LIMITS } from "../../../codecs/http2/connection.ts";
import { Flag, type FrameHeader, FrameType, readFrameHeader } from "../../../codecs/http2/frame.ts";
import { newDecodeScratch } from "../../../codecs/http2/pseudo.ts";
import { RepeatBudget, SharedAllowance } from "../../../codecs/http2/repeat_budget.ts";
import { StreamTable } from "../../../codecs/http2/streams.ts";
import { HttpEventLog } from "../../support/http_events.ts";
import { block, END_HEADERS, END_STREAM, frame, join, literal, request } from "../../support/http2_frames.ts";

const { HEADERS, CONTINUATION } = FrameType;
const BLOCK = block(request("GET", "/a"));
const TOLD = ["request 1 GET /a", "ended 1 >"];

class Reader {
  readonly log = new HttpEventLog();
  readonly streams = new StreamTable(this.log, 100, false);
  readonly blocks: BlockReader<number>;

  constructor(limits = {}, direction: Direction = TO_SERVER) {
    const all = { ...DEFAULT_LIMITS, ...limits };
    this.blocks = new BlockReader(direction, {
      streams: this.streams,
      repeats: new RepeatBudget(new SharedAllowance()),
      scratch: newDecodeScratch(),
      limits: all,
    });
  }

  /** One frame whole, or with its payload `lost`. */
  read(type: number, flags: number, payload: Uint8Array, lost = false): string | undefined {
    const bytes = frame(type, flags, 1, payload);
    const header: FrameHeader = { lengthBytes: 0, type: 0, flags: 0, streamId: 0 };
    readFrameHeader(bytes, 0, header);
    if (type === CONTINUATION) this.blocks.continue(1);
    if (lost) this.blocks.lose(header);
    else if (type === CONTINUATION) return this.blocks.append(header, bytes, 9, bytes.length);
    else return this.blocks.begin(header, bytes, 9, bytes.length);
    return undefined;
  }
}

Deno.test("a block is one list, in however many frames it comes", () => {
  for (let first = 0; first <= BLOCK.length; first++) {
    for (const second of [first, (first + BLOCK.length) >> 1, BLOCK.length]) {
      const reader = new Reader();
      reader.read(HEADERS, END_STREAM, BLOCK.subarray(0, first));
      assert.ok(reader.blocks.isOpen);
      reader.read(CONTINUATION, 0, BLOCK.subarray(first, second));
      reader.read(CONTINUATION, END_HEADERS, BLOCK.subarray(second));
      assert.ok(!reader.blocks.isOpen);
      assert.deepEqual(reader.log.lines, TOLD);
    }
  }
});

Deno.test("padding and priority are no part of it", () => {
  const reader = new Reader();
  const payload = join(Uint8Array.of(3), new Uint8Array(5), BLOCK, new Uint8Array(3));
  const flags = END_HEADERS | END_STREAM | Flag.PADDED | Flag.PRIORITY;
  assert.equal(reader.read(HEADERS, flags, payload), undefined);
  assert.deepEqual(reader.log.lines, TOLD);
});

Deno.test("a frame too short for its flags is passed over whole: nothing goes into the table", () => {
  for (const payload of [[], [1], [200, 1, 2], [0, 0, 0, 0]]) {
    const reader = new Reader();
    const flags = END_HEADERS | Flag.PADDED | Flag.PRIORITY;
    assert.equal(reader.read(HEADERS, flags, Uint8Array.from(payload)), undefined);
    assert.deepEqual(reader.log.counts, { "tolerated-frame-padding": 1 });
  }
});

Deno.test("a promise needs the number that it promises", () => {
  const reader = new Reader({}, TO_CLIENT);
  assert.equal(
    reader.read(FrameType.PUSH_PROMISE, END_HEADERS | Flag.PADDED, Uint8Array.of(1, 0, 0, 0, 2)),
    "frame-padding",
  );
});

Deno.test("CONTINUATION of another stream than the block's is a fault", () => {
  const reader = new Reader();
  reader.read(HEADERS, 0, BLOCK);
  assert.equal(reader.blocks.continue(3), "continuation");
  assert.equal(reader.blocks.continue(1), undefined);
});

Deno.test("a block of which a frame is missing is lost with its stream's request, and the table with it", () => {
  const frames = [[HEADERS, 0], [CONTINUATION, 0], [CONTINUATION, END_HEADERS]] as const;
  for (const missing of frames.keys()) {
    const reader = new Reader();
    for (const [index, [type, flags]] of frames.entries()) {
      reader.read(type, flags, index === 0 ? BLOCK : new Uint8Array(0), index === missing);
    }
    assert.deepEqual(reader.log.lines, ["count header-block-lost 1", "orphan 1"]);
    assert.ok(!reader.blocks.isOpen && !reader.blocks.decoder.table.complete);
    assert.ok(reader.streams.isIncomplete);
  }
});

Deno.test("a block over the bound is told as far as it was kept, and its table entries are lost", () => {
  const reader = new Reader({ maxBlockBytes: BLOCK.length });
  reader.read(HEADERS, END_STREAM, BLOCK);
  reader.read(CONTINUATION, END_HEADERS, literal("more", "x", true));
  assert.deepEqual(reader.log.exchanges, TOLD);
  assert.deepEqual(reader.log.counts, { "header-block-over-bound": 1 });
  assert.ok(!reader.blocks.decoder.table.complete);
});

Deno.test("CONTINUATION without its HEADERS tells nothing, and makes the table unknown", () => {
  const reader = new Reader();
  assert.equal(reader.read(CONTINUATION, END_HEADERS, BLOCK), undefined);
  assert.deepEqual(reader.log.lines, []);
  assert.ok(!reader.blocks.decoder.table.complete);
});

Deno.test("a lost CONTINUATION without its HEADERS says nothing of the stream of the block before", () => {
  const reader = new Reader();
  reader.read(HEADERS, END_HEADERS, BLOCK);
  reader.read(CONTINUATION, END_HEADERS, BLOCK, true);
  assert.deepEqual(reader.log.exchanges, TOLD.slice(0, 1));
  assert.deepEqual(reader.log.counts, { "header-block-lost": 1 });
  assert.ok(reader.streams.isIncomplete && !reader.blocks.decoder.table.complete);
});

Deno.test("what HPACK says is wrong ends the direction, or is passed over and counted", () => {
  assert.equal(new Reader().read(HEADERS, END_HEADERS, Uint8Array.of(0x80)), "hpack-index");
  // A table size update behind a field, which some peers pass over.
  const reader = new Reader();
  assert.equal(reader.read(HEADERS, END_HEADERS | END_STREAM, join(BLOCK, Uint8Array.of(0x20))), undefined);
  assert.deepEqual(reader.log.lines, ["count tolerated-hpack-table-size 1", ...TOLD]);
});
