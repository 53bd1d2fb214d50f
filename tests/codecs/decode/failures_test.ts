// SPDX-License-Identifier: MIT
/** What cannot be decoded goes on encoded, marked and counted: nothing is lost, and no other message. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from "node:zlib";
import { decode, type DecodeOptions } from "../../../codecs/decode/codec.ts";
import type { CodecFlow, CodecOutput } from "../../../codecs/codec.ts";
import { CodecHarness } from "../../support/codec_harness.ts";
import { ENCODINGS, inChunks, latin1, message } from "../../support/encoded_bodies.ts";
import { fieldOf, type Http1Message } from "../../support/http1_reader.ts";
import { Random } from "../../support/random.ts";

const OK = "HTTP/1.1 200 OK";
const GET = message(["GET / HTTP/1.1", "Host: a"]);
const LAST = message(["HTTP/1.1 404 Not Found"], latin1("last"));
/** Hard to compress, so that most of it is still to come wherever a stream is cut. */
const NOISE = new Random(7).bytes(60_000).map((byte) => 97 + byte % 16);

/** A response in pieces, with another behind it that must be seen. */
function answered(bytes: Uint8Array, pieceBytes = Infinity, options: Partial<DecodeOptions> = {}) {
  const flow = new CodecHarness(decode(options)).data(0, Buffer.concat([GET, GET]));
  const all = Buffer.concat([bytes, LAST]);
  for (let at = 0; at < all.length; at += pieceBytes) flow.data(1, all.subarray(at, at + pieceBytes));
  flow.end();
  const [first, last] = flow.exchanges();
  assert.equal(last.status, 404);
  return { flow, response: first.response! };
}

const endsWith = (body: Uint8Array, end: Uint8Array) =>
  Buffer.compare(body.subarray(body.length - end.length), end) === 0;
const encodedMark = (message: Http1Message) =>
  fieldOf(message, "x-sslcollector-encoded") ??
    message.trailers.find(([name]) => name === "x-sslcollector-encoded")?.[1];

for (const [name, [coding, encode]] of Object.entries(ENCODINGS)) {
  const encoded = Buffer.from(encode(NOISE));

  Deno.test(`${name}: damaged anywhere, it is decoded so far, and what follows is there encoded`, () => {
    for (const at of [0, 20, 15_000, 30_000]) {
      const damaged = Buffer.from(encoded);
      damaged.fill(0xff, at, Math.min(at + 64, damaged.length));
      for (const pieceBytes of [1000, Infinity]) {
        const { flow, response } = answered(
          message([OK, `Content-Encoding: ${coding}`], damaged),
          pieceBytes,
        );
        const { body } = response;
        const mark = encodedMark(response);
        // A change inside a format without checksum shows what the peer saw as well.
        if (mark === undefined && at > 0) continue;
        const decodedBytes = Number(/from byte (\d+)$/.exec(mark!)?.[1] ?? 0);
        const rest = body.subarray(decodedBytes);
        assert.ok(rest.length > 0 && endsWith(damaged, rest), `${at}: ${mark}`);
        if (decodedBytes === 0) {
          assert.equal(body.length, damaged.length);
          assert.equal(fieldOf(response, "content-encoding"), coding);
        }
        assert.equal([...flow.counts.keys()].filter((reason) => /^encoded-/.test(reason)).length, 1);
      }
    }
  });

  Deno.test(`${name}: cut short, it is decoded so far`, () => {
    const cut = encoded.subarray(0, 20_000);
    const { flow, response } = answered(message([OK, `Content-Encoding: ${coding}`], cut), 1000);
    const { body } = response;
    const decodedBytes = Number(/^truncated(?:, from byte (\d+))?$/.exec(encodedMark(response)!)![1] ?? 0);
    // A block of zstd is decoded when it is whole: what has come of one is shown as it is.
    assert.ok(coding.includes("zstd") || decodedBytes === body.length);
    assert.ok(Buffer.compare(body.subarray(0, decodedBytes), NOISE.subarray(0, decodedBytes)) === 0);
    assert.ok(endsWith(cut, body.subarray(decodedBytes)));
    assert.equal(flow.counts.get("encoded-truncated"), 1);
  });
}

Deno.test("what is no such encoding passes as it came, marked", () => {
  for (const coding of ["br", "zstd", "gzip"]) {
    const bytes = latin1("readable, whatever the field says");
    const { response, flow } = answered(message([OK, `Content-Encoding: ${coding}`], bytes), 5);
    assert.ok(endsWith(response.body, bytes));
    assert.equal(response.body.length, bytes.length);
    assert.equal(encodedMark(response), "malformed");
    assert.equal(flow.counts.get("encoded-malformed"), 1);
  }
});

Deno.test("codings that nobody knows, or too many, are left and marked", () => {
  const cases = {
    "compress": "unknown-coding",
    "br, dcz": "unknown-coding",
    [["gzip", ...Array(10).fill("br")].join(", ")]: "many-codings",
  };
  for (const [coding, reason] of Object.entries(cases)) {
    const { response, flow } = answered(message([OK, `Content-Encoding: ${coding}`], NOISE));
    assert.ok(Buffer.compare(response.body, NOISE) === 0);
    assert.equal(encodedMark(response), reason);
    assert.equal(flow.counts.get(`encoded-${reason}`), 1);
  }
});

Deno.test("bytes behind the end of a stream are shown behind what it decodes to", () => {
  const bytes = Buffer.concat([deflateSync(NOISE), latin1("behind the end")]);
  const { response } = answered(message([OK, "Content-Encoding: deflate"], bytes));
  assert.equal(response.body.length, NOISE.length + "behind the end".length);
  assert.equal(encodedMark(response), `trailing, from byte ${NOISE.length}`);
});

/** gzip's header with the beginning of a name, a skippable frame of zstd, brotli's metadata: bytes that decode to nothing. */
const SILENT: Readonly<Record<string, { before: Uint8Array; behind: Uint8Array; coding: string }>> = {
  "a name in gzip's header": {
    before: Buffer.of(0x1f, 0x8b, 8, 8, 0, 0, 0, 0, 0, 3),
    behind: Buffer.concat([Buffer.of(0), gzipSync(NOISE).subarray(10)]),
    coding: "gzip",
  },
  "a skippable frame of zstd": {
    before: Buffer.of(0x50, 0x2a, 0x4d, 0x18, 0xc0, 0x27, 9, 0),
    behind: zstdCompressSync(NOISE),
    coding: "zstd",
  },
  // 24 bits of length, behind 16 as the window: then 60,000 bytes as they are, and the end.
  "brotli's metadata": {
    before: Buffer.of(0xec, 0xdf, 0x93, 0x04),
    behind: Buffer.concat([Buffer.of(0xf8, 0x52, 0x0f), NOISE, Buffer.of(3)]),
    coding: "br",
  },
};
const SILENT_BYTES = 600_000;

for (const [name, { before, behind, coding }] of Object.entries(SILENT)) {
  const head = [OK, `Content-Encoding: ${coding}`];
  const silent = Buffer.concat([before, Buffer.alloc(SILENT_BYTES, 0x61)]);

  Deno.test(`${name}, however long, hides nothing of the body behind it`, () => {
    const bytes = Buffer.concat([silent, behind]);
    for (const sent of [message(head, bytes), inChunksBehind(head, bytes)]) {
      const { response, flow } = answered(sent, 16_384);
      assert.equal(Buffer.compare(response.body, NOISE), 0);
      assert.equal(encodedMark(response), undefined);
      assert.ok(flow.counts.get("encoded-silent-bytes")! > SILENT_BYTES / 2);
    }
  });

  Deno.test(`${name} that does not end: the last of it is shown encoded, the rest is counted`, () => {
    const { response, flow } = answered(message(head, silent.subarray(0, -1)), 16_384);
    assert.ok(endsWith(silent.subarray(0, -1), response.body));
    assert.equal(response.body.length + flow.counts.get("encoded-silent-bytes")!, silent.length - 1);
    assert.equal(encodedMark(response), "truncated, from byte 0");
  });
}

const inChunksBehind = (head: readonly string[], body: Uint8Array) =>
  Buffer.concat([message([...head, "Transfer-Encoding: chunked"]), inChunks(body, 5000)]);

Deno.test("br is left and marked where it is not wanted", () => {
  const body = brotliCompressSync(NOISE);
  const { response } = answered(message([OK, "Content-Encoding: br"], body), Infinity, { br: false });
  assert.ok(Buffer.compare(response.body, body) === 0);
  assert.equal(encodedMark(response), "unknown-coding");
});

// Bounds

const BOMB = brotliCompressSync(new Uint8Array(10_000_000).fill(0x61));

Deno.test("a message is decoded up to its bound, then shown encoded", () => {
  const { response, flow } = answered(message([OK, "Content-Encoding: br"], BOMB), Infinity, {
    maxMessageBytes: 100_000,
  });
  assert.ok(endsWith(response.body, BOMB));
  assert.ok(response.body.length <= 100_000 + BOMB.length);
  assert.match(encodedMark(response)!, /^size, from byte \d+$/);
  assert.equal(flow.counts.get("encoded-size"), 1);
});

Deno.test("all connections of a flow share what may pass the ratio", () => {
  const codec = decode({ extraBytes: 1_000_000, ratio: 10 });
  const flow: CodecFlow = { alpn: "", sni: "", isServer: false, serverPort: 443, joinedLate: false };
  let bytes = 0;
  const counts = new Map<string, number>();
  const output: CodecOutput = {
    write: (_lane, _direction, piece) => bytes += piece.length,
    gap() {},
    openLane: () => 1,
    close() {},
    comment() {},
    count: (reason, amount = 1) => counts.set(reason, (counts.get(reason) ?? 0) + amount),
  };
  const asBomb = message([OK, "Content-Encoding: br"], BOMB);
  const asText = message([OK, "Content-Encoding: br"], brotliCompressSync(NOISE));
  for (let i = 0; i < 20; i++) {
    const session = codec.open(flow, output);
    for (const one of [asBomb, asText]) {
      session.data(0, GET, 0);
      session.data(1, one, 0);
    }
    session.end(0, 0);
    session.end(1, 0);
  }
  // What needs no more than the ratio is decoded all the same.
  assert.equal(counts.get("decoded-br"), 20 + 1);
  assert.equal(counts.get("encoded-ratio"), 20);
  assert.ok(bytes < 1_000_000 + 20 * (NOISE.length + 20_000), `${bytes}`);
  assert.ok(bytes > 1_000_000);
});

Deno.test("once little is left beyond the ratio, gzip is left to the IDS from its first byte, and nothing else", () => {
  const bomb = gzipSync(new Uint8Array(3_500_000));
  const page = Buffer.concat([Buffer.alloc(50_000, " "), latin1("<script>evil()</script>")]);
  const flow = new CodecHarness(decode());
  const codings = { gzip: gzipSync(page), br: brotliCompressSync(page) };
  for (const [coding, body] of [["gzip", bomb], ...Object.entries(codings)] as const) {
    flow.data(0, GET).data(1, message([OK, `Content-Encoding: ${coding}`], body));
  }
  const [first, gzip, br] = flow.end().exchanges().map(({ response }) => response!);
  assert.equal(first.body.length, 3_500_000);
  assert.deepEqual([encodedMark(gzip), fieldOf(gzip, "content-encoding")], ["ratio", "gzip"]);
  assert.equal(Buffer.compare(gzip.body, codings.gzip), 0);
  assert.equal(Buffer.compare(br.body, page), 0);
});

Deno.test("layers count each: one that grows and shrinks again is bounded", () => {
  const inner = gzipSync(new Uint8Array(5_000_000));
  const outer = gzipSync(gzipSync(inner));
  const { response } = answered(message([OK, "Content-Encoding: gzip, gzip, gzip"], outer), Infinity, {
    maxMessageBytes: 50_000,
  });
  assert.ok(response.body.length < 60_000);
  assert.match(encodedMark(response)!, /^size/);
});

Deno.test("decoded bodies do not share a connection longer than an IDS inspects", () => {
  const flow = new CodecHarness(decode());
  const large = message([OK, "Content-Encoding: zstd"], zstdCompressSync(new Uint8Array(300_000).fill(0x61)));
  for (let i = 0; i < 6; i++) flow.data(0, GET).data(1, large);
  flow.end();
  const connections = flow.connections();
  assert.ok(connections.length > 1);
  for (const { streams } of connections) assert.ok(streams[1].length < 1024 * 1024);
  assert.equal(flow.exchanges().length, 6);
});

// What is missing

Deno.test("a gap before anything is decoded stays a gap in the encoded body", () => {
  const body = zstdCompressSync(NOISE);
  const bytes = message([OK, "Content-Encoding: zstd"], body);
  const head = bytes.length - body.length;
  const flow = new CodecHarness(decode()).data(0, Buffer.concat([GET, GET]));
  flow.data(1, bytes.subarray(0, head + 10)).gap(1, 100).data(1, bytes.subarray(head + 110)).data(1, LAST)
    .end();
  const [{ response }, last] = flow.exchanges();
  assert.equal(response!.body.length, body.length);
  assert.equal(encodedMark(response!), "gap");
  assert.equal(flow.connections()[0].gaps.length, 1);
  assert.equal(last.status, 404);
});

Deno.test("behind a gap in a decoded body the rest is encoded, and the next message is read", () => {
  for (const isChunked of [false, true]) {
    const body = gzipSync(NOISE);
    const fields = [OK, "Content-Encoding: gzip"];
    const bytes = isChunked
      ? Buffer.concat([message([...fields, "Transfer-Encoding: chunked"]), inChunks(body, body.length)])
      : message(fields, body);
    const flow = new CodecHarness(decode()).data(0, Buffer.concat([GET, GET]));
    flow.data(1, bytes.subarray(0, 5000)).gap(1, 100).data(1, bytes.subarray(5100)).data(1, LAST).end();
    const [{ response }, last] = flow.exchanges();
    const rest = isChunked ? bytes.subarray(5100, -7) : bytes.subarray(5100);
    assert.ok(endsWith(response!.body, rest));
    assert.match(encodedMark(response!)!, /^gap, from byte \d+$/);
    assert.equal(flow.counts.get("encoded-gap-bytes"), 100);
    assert.equal(last.status, 404);
  }
});

Deno.test("encoded bytes that gave nothing are shown when what would complete them is missing", () => {
  // A block of zstd is decoded when it is whole.
  const body = Buffer.concat([
    zstdCompressSync(latin1("first frame. ")),
    zstdCompressSync(NOISE).subarray(0, -100),
  ]);
  const bytes = message([OK, "Content-Encoding: zstd"], body);
  for (const pieceBytes of [1000, 40_000]) {
    const { response } = answered(bytes, pieceBytes);
    assert.equal(Buffer.from(response.body.subarray(0, 13)).toString(), "first frame. ");
    assert.ok(endsWith(response.body, body.subarray(16_384)));
    assert.equal(encodedMark(response), "truncated, from byte 13");
  }
  const flow = new CodecHarness(decode()).data(0, GET);
  flow.data(1, bytes.subarray(0, 25_000)).gap(1, 9).data(1, bytes.subarray(25_009)).end();
  const shown = flow.exchanges()[0].response!.body;
  const parts = Buffer.concat([bytes.subarray(-body.length, 25_000), bytes.subarray(25_009)]);
  assert.ok(endsWith(shown, parts));
});

Deno.test("a message that the end of the connection cuts is shown as far as it came", () => {
  const bytes = message([OK, "Content-Encoding: br"], brotliCompressSync(NOISE));
  const flow = new CodecHarness(decode()).data(0, GET);
  flow.data(1, bytes.subarray(0, 10_000)).data(1, bytes.subarray(10_000, 20_000)).end();
  const { response } = flow.exchanges()[0];
  assert.ok(response!.cut && response!.body.length > 10_000);
  assert.ok(Buffer.compare(response!.body, NOISE.subarray(0, response!.body.length)) === 0);
});

Deno.test("chunks that break end the decoded message with a mark; what follows is as it came", () => {
  const body = gzipSync(NOISE);
  const head = message([OK, "Content-Encoding: gzip", "Transfer-Encoding: chunked"]);
  const flow = new CodecHarness(decode()).data(0, GET);
  flow.data(1, head).data(1, inChunks(body.subarray(0, 20_000), 20_000).subarray(0, -5));
  flow.data(1, latin1("no size\r\nand more")).end();
  const stream = Buffer.from(flow.connections()[0].streams[1]).toString("latin1");
  assert.match(stream, /0\r\nx-sslcollector-encoded: framing, from byte \d+\r\n\r\nno size\r\nand more$/);
});
