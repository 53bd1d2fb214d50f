// SPDX-License-Identifier: MIT
/** What is fuzzed of HTTP/2: whole conversations through the codec, and header blocks. */
import { FieldList } from "../../codecs/http/field_list.ts";
import assert from "node:assert/strict";
import { HpackDecoder } from "../../codecs/http2/hpack/decoder.ts";
import { http2to1 } from "../../codecs/http2to1/codec.ts";
import { CodecHarness } from "../support/codec_harness.ts";
import { finalStories } from "../support/hpack_stories.ts";
import {
  clientStart,
  data,
  END_STREAM,
  goAway,
  headers,
  join,
  pushPromise,
  request,
  response,
  serverStart,
} from "../support/http2_frames.ts";
import type { Random } from "../support/random.ts";

const codec = http2to1();

/** One of each kind of exchange. */
const CONVERSATION: readonly (readonly [direction: 0 | 1, bytes: Uint8Array])[] = [
  [0, clientStart()],
  [1, serverStart()],
  [0, headers(1, request("POST", "/a", ["content-length", "5"], ["x-y", "z"]))],
  [0, data(1, "12345", END_STREAM)],
  [1, join(headers(1, response(200, ["content-length", "3"])), data(1, "abc", END_STREAM))],
  [0, headers(3, request("HEAD", "/b"), END_STREAM)],
  [1, headers(3, response(204), END_STREAM)],
  [0, headers(5, [[":method", "CONNECT"], [":authority", "h:1"]])],
  [1, join(headers(5, response(200)), data(5, "tunnel"))],
  [1, pushPromise(1, 2, request("GET", "/p"))],
  [0, headers(7, request("GET", "/t"), END_STREAM)],
  [
    1,
    join(
      headers(7, response(103, ["link", "x"])),
      headers(7, response(200)),
      data(7, "t"),
      headers(7, [["a", "b"]], END_STREAM),
    ),
  ],
  [1, goAway(7)],
];

/** A conversation with bytes changed, lost or late, in any pieces: nothing throws, and every message is strictly readable. */
export function http2Target(random: Random): void {
  const harness = new CodecHarness(codec, { flow: { joinedLate: random.below(4) === 0 } });
  for (const [direction, original] of CONVERSATION) {
    const roll = random.below(20);
    if (roll === 0) continue;
    if (roll === 1) harness.gap(direction, 1 + random.below(40));
    if (roll === 2) harness.tick(2e9);
    const bytes = random.below(6) === 0 ? random.mutated(original) : original;
    const cut = random.below(4) === 0 ? random.below(bytes.length + 1) : 0;
    if (cut > 0) harness.data(direction, bytes.subarray(0, cut));
    if (cut < bytes.length) harness.data(direction, bytes.subarray(cut));
  }
  harness.end();
  for (const { connection } of harness.exchanges()) assert.notEqual(connection.end, "open");
  harness.orphans();
}

const BLOCK_BYTES = 400;
let blocks: Uint8Array[] | undefined;
const list = new FieldList();
list.repeatLimitBytes = 8 * 1024;

/** Mutated header blocks of the http2jp stories, one behind the other: a list or an error, within the bounds. */
export function hpackTarget(random: Random, count = 1000, told?: Map<string, number>): void {
  blocks ??= finalStories().filter((_, i) => i % 7 === 0).flatMap(({ cases }) =>
    cases.map(({ wire }) => wire).filter(({ length }) => length < BLOCK_BYTES)
  );
  const block = new Uint8Array(BLOCK_BYTES);
  let decoder = new HpackDecoder();
  for (let i = 0; i < count; i++) {
    const original = blocks[random.below(blocks.length)];
    block.set(original);
    let length = original.length;
    for (let times = 1 + random.below(4); times > 0; times--) {
      const at = random.below(length);
      const how = random.below(4);
      if (how === 0) block[at] = random.below(256);
      else if (how === 1) block[at] ^= 1 << random.below(8);
      else if (how === 2) block[at] = 0xff;
      else length = Math.max(1, at);
    }
    const error = decoder.decode(block, 0, length, list);
    // What the block has as bytes, in Huffman's shortest code, what references may add, and one of each that decides.
    const literalBytes = length * 8 / 5 + 32 * length;
    assert.ok(
      list.sizeBytes <= literalBytes + 40 * list.repeatLimitBytes + 4096 && list.end <= list.sizeBytes,
    );
    const { bytes, entries } = decoder.table.fields;
    assert.ok(bytes.length <= 18 * 1024 && entries.length <= 5 * 512);
    if (error === undefined) continue;
    told?.set(error, (told.get(error) ?? 0) + 1);
    decoder = new HpackDecoder();
  }
}
