// SPDX-License-Identifier: MIT
/** Each setting of `http2to1` on the command line does what it says. */
import assert from "node:assert/strict";
import { FrameType } from "../../../codecs/http2/frame.ts";
import { http2to1Codec } from "../../../codecs/http2to1/codec.ts";
import { configureCodec } from "../../../codecs/registry.ts";
import { splitWords } from "../../../codecs/settings.ts";
import { CodecHarness } from "../../support/codec_harness.ts";
import {
  block,
  clientStart,
  data,
  END_HEADERS,
  END_STREAM,
  frame,
  headers,
  join,
  request,
  reset,
  response,
  serverStart,
} from "../../support/http2_frames.ts";

const started = (words: string) =>
  new CodecHarness(configureCodec(http2to1Codec, splitWords(words))).data(0, clientStart()).data(
    1,
    serverStart(),
  );
const finished = (harness: CodecHarness, id: number) =>
  harness.data(0, headers(id, request("GET", "/"), END_STREAM)).data(1, headers(id, response(200)))
    .data(1, data(id, new Uint8Array(10_000), END_STREAM));
/** Responses of 10 kB without their ends, on so many streams. */
const unfinished = (harness: CodecHarness, count: number) => {
  for (let id = 1; id < 2 * count; id += 2) {
    harness.data(0, headers(id, request("GET", "/"), END_STREAM)).data(1, headers(id, response(200)))
      .data(1, data(id, new Uint8Array(10_000)));
  }
  return harness;
};
/** Lanes of their own that carry something. */
const lanes = (harness: CodecHarness) => harness.connections().filter(({ lane }) => lane > 0).length;

Deno.test("http2to1:stream-after", () => {
  assert.equal(lanes(unfinished(started("http2to1"), 1).tick(0.5e9)), 0);
  assert.equal(lanes(unfinished(started("http2to1:stream-after=100ms"), 1).tick(0.5e9)), 1);
});

Deno.test("http2to1:stream-size", () => {
  assert.equal(lanes(unfinished(started("http2to1:stream-size=9000"), 1)), 1);
});

Deno.test("http2to1:reopen-after", () => {
  const connections = (words: string) => finished(finished(started(words), 1), 3).end().connections().length;
  assert.deepEqual([connections("http2to1"), connections("http2to1:reopen-after=15KiB")], [1, 2]);
});

Deno.test("http2to1:close-after", () => {
  const ends = (words: string) =>
    finished(started(words), 1).tick(0.1e9).tick(5e9).connections().map(({ end }) => end);
  assert.deepEqual([ends("http2to1"), ends("http2to1:close-after=2s")], [["open"], ["fin"]]);
});

Deno.test("http2to1:waiting and http2to1:lanes", () => {
  assert.equal(lanes(unfinished(started("http2to1"), 40)), 0);
  const some = unfinished(started("http2to1:waiting=100KiB"), 40);
  assert.ok(lanes(some) > 20);
  assert.equal(some.counts.get("exchange-over-bound"), undefined);
  const few = unfinished(started("http2to1:waiting=100KiB:lanes=3"), 40);
  assert.equal(lanes(few), 3);
  assert.ok(few.counts.get("exchange-over-bound")! > 20);
});

Deno.test("http2to1:memory", () => {
  const over = (words: string) => unfinished(started(words), 1500).counts.has("memory-over-bound");
  assert.deepEqual([over("http2to1"), over("http2to1:memory=1MiB")], [false, true]);
});

Deno.test("http2to1:unanswered", () => {
  const cancelled = (words: string) => {
    const harness = started(words);
    for (let id = 1; id < 20; id += 2) {
      harness.data(0, join(headers(id, request("GET", "/"), END_STREAM), reset(id)));
    }
    // A server may still answer for a second.
    harness.tick(1e9);
    return [harness.connections().length, harness.counts.get("folded-request")];
  };
  assert.deepEqual([cancelled("http2to1"), cancelled("http2to1:unanswered=3")], [[10, undefined], [4, 6]]);
});

Deno.test("http2to1:continuations", () => {
  const whole = block(request("GET", "/"));
  const pieces = join(
    frame(FrameType.HEADERS, END_STREAM, 1, whole.subarray(0, -1)),
    ...Array.from({ length: 20 }, () => frame(FrameType.CONTINUATION, 0, 1)),
    frame(FrameType.CONTINUATION, END_HEADERS, 1, whole.subarray(-1)),
  );
  const cut = (words: string) => started(words).data(0, pieces).counts.get("header-block-over-bound");
  assert.deepEqual([cut("http2to1"), cut("http2to1:continuations=20")], [undefined, 1]);
});
