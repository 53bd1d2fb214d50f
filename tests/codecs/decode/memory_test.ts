// SPDX-License-Identifier: MIT
/** What decoding holds of all flows together: where it is too much the largest give way, and no other loses anything. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { brotliCompressSync, constants, gzipSync, zstdCompressSync } from "node:zlib";
import type { CodecFlow } from "../../../codecs/codec.ts";
import { decode } from "../../../codecs/decode/codec.ts";
import { CodecHarness } from "../../support/codec_harness.ts";
import { latin1, message } from "../../support/encoded_bodies.ts";
import { Random } from "../../support/random.ts";

const OK = "HTTP/1.1 200 OK";
const GET = message(["GET / HTTP/1.1", "Host: a"]);
const NOISE = new Random(7).bytes(60_000).map((byte) => 97 + byte % 16);

const endsWith = (body: Uint8Array, end: Uint8Array) =>
  Buffer.compare(body.subarray(body.length - end.length), end) === 0;

Deno.test("where too many are decoded at a time, the flow with most of them loses its oldest", () => {
  const codec = decode({ maxOpen: 4 });
  const half = (flow: CodecHarness) => flow.data(0, GET).data(1, whole.subarray(0, 20_000));
  const whole = message([OK, "Content-Encoding: zstd"], zstdCompressSync(NOISE));
  const greedy = Array.from({ length: 4 }, () => new CodecHarness(codec));
  // One flow object for all: a flow with four lanes.
  const flow: CodecFlow = { alpn: "", sni: "", isServer: false, serverPort: 443, joinedLate: false };
  const sessions = greedy.map((harness) => ({ harness, session: codec.open(flow, harness.output()) }));
  for (const { session } of sessions) {
    session.data(0, GET, 0);
    session.data(1, whole.subarray(0, 20_000), 0);
  }
  const modest = half(new CodecHarness(codec));
  for (const { session } of sessions) {
    session.data(1, whole.subarray(20_000), 0);
    session.end(1, 0);
  }
  modest.data(1, whole.subarray(20_000)).end();
  assert.equal(Buffer.compare(modest.exchanges()[0].response!.body, NOISE), 0);
  assert.deepEqual(greedy.map(({ counts }) => counts.get("encoded-memory") ?? 0), [1, 0, 0, 0]);
  const { body } = greedy[0].exchanges()[0].response!;
  assert.ok(endsWith(body, whole.subarray(20_000)));
});

const HALF_MIB = 512 * 1024;
/** A part of it is random, so that no bound on the ratio counts. */
const LONG = Buffer.alloc(3 * HALF_MIB);
const random = new Random(8);
for (let at = 0; at < LONG.length; at += 4096) LONG.set(random.bytes(64), at);

/** Encoded bodies, and what a decoder holds of each when nearly all has come: no more than its window. */
const WINDOWS: Readonly<Record<string, { coding: string; encoded: Uint8Array; heldBytes: number }>> = {
  "brotli": { coding: "br", encoded: brotliOf(24), heldBytes: 3 * HALF_MIB },
  "brotli with a window of 512 KiB": { coding: "br", encoded: brotliOf(19), heldBytes: HALF_MIB },
  "zstd": { coding: "zstd", encoded: zstdCompressSync(LONG), heldBytes: 3 * HALF_MIB },
  "zstd in gzip in gzip": {
    coding: "zstd, gzip, gzip",
    encoded: gzipSync(gzipSync(zstdCompressSync(LONG))),
    heldBytes: 3 * HALF_MIB,
  },
};

function brotliOf(windowBits: number): Uint8Array {
  const { BROTLI_PARAM_LGWIN, BROTLI_PARAM_QUALITY } = constants;
  return brotliCompressSync(LONG, {
    params: { [BROTLI_PARAM_LGWIN]: windowBits, [BROTLI_PARAM_QUALITY]: 4 },
  });
}

for (const [name, { coding, encoded, heldBytes }] of Object.entries(WINDOWS)) {
  Deno.test(`bodies that do not end, ${name}: so many are decoded as there is room for`, () => {
    const codec = decode({ maxMemoryBytes: 10 * HALF_MIB, ratio: 1000 });
    const modest = new CodecHarness(codec).data(0, GET);
    const reply = message([OK, "Content-Encoding: br"], brotliCompressSync(NOISE));
    modest.data(1, reply.subarray(0, -10));
    const response = message([OK, `Content-Encoding: ${coding}`], encoded);
    const greedy = Array.from({ length: 12 }, () => {
      const flow = new CodecHarness(codec).data(0, GET);
      return flow.data(1, response.subarray(0, -10));
    });
    const decoding = greedy.filter(({ counts }) => !counts.has("encoded-memory")).length;
    // Each holds some state besides, and of the largest one more than is needed may go.
    const most = Math.floor(10 * HALF_MIB / heldBytes);
    assert.ok(decoding <= most && decoding >= most - 2, `${decoding} of ${most}`);
    modest.data(1, reply.subarray(-10)).end();
    assert.equal(Buffer.compare(modest.exchanges()[0].response!.body, NOISE), 0);
    for (const flow of greedy) {
      flow.data(1, response.subarray(-10)).end();
      const { body } = flow.exchanges()[0].response!;
      assert.equal(Buffer.compare(body.subarray(0, LONG.length - HALF_MIB), LONG.subarray(0, -HALF_MIB)), 0);
    }
  });
}

Deno.test("heads that do not end: where all flows hold too much the largest passes as it came, others are decoded", () => {
  const codec = decode({ maxMemoryBytes: 100_000 });
  const begin = GET.subarray(0, GET.length - 2), end = GET.subarray(GET.length - 2);
  const modest = new CodecHarness(codec).data(0, begin);
  const field = latin1(`X-Long: ${"v".repeat(990)}\r\n`);
  const greedy = Array.from({ length: 20 }, () => new CodecHarness(codec).data(0, begin));
  for (let i = 0; i < 60; i++) for (const flow of greedy) flow.data(0, field);
  const held = () => greedy.reduce((sum, flow) => sum + begin.length + 60 * 1000 - writtenBytes(flow), 0);
  assert.ok(held() + begin.length <= 100_000, `${held()} bytes are held`);
  const reply = message([OK, "Content-Encoding: br"], brotliCompressSync(NOISE));
  modest.data(0, end).data(1, reply).end();
  assert.equal(Buffer.compare(modest.exchanges()[0].response!.body, NOISE), 0);
  assert.equal(modest.counts.size, 2);
  for (const flow of greedy) {
    flow.data(0, end).data(1, reply).end();
    const [{ streams }] = flow.connections();
    assert.equal(streams[0].length, GET.length + 60 * 1000);
    assert.equal(endsWith(streams[0], end), true);
  }
  assert.ok(greedy.filter(({ counts }) => counts.get("head-over-bound") === 1).length >= 18);
});

const writtenBytes = (flow: CodecHarness) =>
  flow.connections().reduce((sum, { streams }) => sum + streams[0].length, 0);
