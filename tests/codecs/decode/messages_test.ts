// SPDX-License-Identifier: MIT
/** Messages with encoded bodies become the messages they encode; all others pass as they came. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { brotliCompressSync, gzipSync, zstdCompressSync } from "node:zlib";
import { decode } from "../../../codecs/decode/codec.ts";
import { CodecHarness } from "../../support/codec_harness.ts";
import { ENCODINGS, inChunks, latin1, message } from "../../support/encoded_bodies.ts";
import { fieldOf, type Http1Message } from "../../support/http1_reader.ts";

const codec = decode();
const TEXT = latin1(
  Array.from({ length: 500 }, (_, i) => `line ${i * i * 7919 % 10007} of a body`).join("\n"),
);
const GET = message(["GET / HTTP/1.1", "Host: a"]);
const OK = "HTTP/1.1 200 OK";

/** Request and response in pieces of so many bytes. */
function exchange(
  asked: Uint8Array,
  answered: Uint8Array,
  pieceBytes = Infinity,
  given = codec,
): CodecHarness {
  const flow = new CodecHarness(given);
  for (const [direction, bytes] of [[0, asked], [1, answered]] as const) {
    for (let at = 0; at < bytes.length; at += pieceBytes) {
      flow.data(direction, bytes.subarray(at, at + pieceBytes));
    }
  }
  return flow.end();
}

const streamOf = (flow: CodecHarness, direction: 0 | 1) =>
  Buffer.concat(flow.connections().map(({ streams }) => streams[direction])).toString("latin1");
const textOf = (bytes: Uint8Array) => Buffer.from(bytes).toString("latin1");
const response = (flow: CodecHarness): Http1Message => flow.exchanges()[0].response!;

function assertDecoded(message: Http1Message, coding: string): void {
  assert.equal(textOf(message.body), textOf(TEXT));
  assert.equal(fieldOf(message, "x-sslcollector-decoded"), coding);
  assert.equal(fieldOf(message, "x-sslcollector-encoded"), undefined);
  assert.equal(fieldOf(message, "content-encoding"), undefined);
}

for (const [name, [coding, encode]] of Object.entries(ENCODINGS)) {
  const codings = coding.toLowerCase().replace("identity, ", "");
  const encoded = encode(TEXT);
  const fields = [`Content-Encoding: ${coding}`, "ETag: x"];

  Deno.test(`${name}: request and response are decoded, in pieces of any size`, () => {
    for (const pieceBytes of [1, 3, 1000, Infinity]) {
      const flow = exchange(
        message(["POST / HTTP/1.1", ...fields], encoded),
        message([OK, ...fields], encoded),
        pieceBytes,
      );
      const [{ request, response }] = flow.exchanges();
      assertDecoded(request, codings);
      assertDecoded(response!, codings);
      assert.equal(fieldOf(response!, "x-sslcollector-content-length"), String(encoded.length));
      assert.equal(fieldOf(response!, "etag"), "x");
      assert.equal(response!.cut, false);
    }
  });

  Deno.test(`${name}: chunks and trailers`, () => {
    for (const pieceBytes of [1, 1000, Infinity]) {
      const answered = Buffer.concat([
        message([OK, ...fields, "Transfer-Encoding: chunked"]),
        inChunks(encoded, 50, ["Digest: y"]),
        message(["HTTP/1.1 404 Not Found", "Content-Length: 0"]),
      ]);
      const flow = exchange(Buffer.concat([GET, GET]), answered, pieceBytes);
      const [first, second] = flow.exchanges();
      assertDecoded(first.response!, codings);
      assert.deepEqual(first.response!.trailers, [["Digest", "y"]]);
      assert.equal(second.status, 404);
    }
  });
}

Deno.test("a body that is whole at once has its real length; one that goes on is chunked", () => {
  const answered = message([OK, "Content-Encoding: br"], brotliCompressSync(TEXT));
  assert.equal(fieldOf(response(exchange(GET, answered)), "content-length"), String(TEXT.length));
  assert.equal(fieldOf(response(exchange(GET, answered, 50)), "transfer-encoding"), "chunked");
});

Deno.test("a body that only the end of the connection ends", () => {
  const answered = Buffer.concat([message([OK, "Content-Encoding: zstd"]), zstdCompressSync(TEXT)]);
  for (const pieceBytes of [1, Infinity]) {
    assertDecoded(response(exchange(GET, answered, pieceBytes)), "zstd");
  }
});

Deno.test("HTTP/1.0: a response that ends the connection; a request is left, as it has no chunks", () => {
  const body = gzipSync(TEXT);
  const answered = message(["HTTP/1.0 200 OK", "Content-Encoding: gzip"], body);
  for (const pieceBytes of [9, Infinity]) {
    assert.ok(streamOf(exchange(GET, answered, pieceBytes), 1).endsWith(`\r\n\r\n${textOf(TEXT)}`));
  }
  const asked = message(["POST / HTTP/1.0", "Content-Encoding: gzip"], body);
  const flow = exchange(asked, message([OK, "Content-Length: 0"]));
  assert.ok(streamOf(flow, 0).endsWith(`x-sslcollector-encoded: http-1-0\r\n\r\n${textOf(body)}`));
  assert.equal(flow.counts.get("encoded-http-1-0"), 1);
});

const LEFT: Readonly<Record<string, Uint8Array>> = {
  "without encoding": message([OK], TEXT),
  "identity": message([OK, "Content-Encoding: identity"], TEXT),
  "304": message(["HTTP/1.1 304 Not Modified", "Content-Encoding: br", "Content-Length: 9"]),
  "204": message(["HTTP/1.1 204 No Content", "Content-Encoding: br"]),
  "an empty body": message([OK, "Content-Encoding: gzip", "Content-Length: 0"]),
  "103, then 200": Buffer.concat([message(["HTTP/1.1 103 Early Hints", "Link: x"]), message([OK], TEXT)]),
  "lines that end in LF": latin1("HTTP/1.1 200 OK\nContent-Length: 2\n\nhi"),
  "two lengths": message([OK, "Content-Encoding: br", "Content-Length: 9", "Content-Length: 10"], TEXT),
  "length and chunks": message(
    [OK, "Content-Encoding: br", "Content-Length: 9", "Transfer-Encoding: chunked"],
    inChunks(TEXT, 9),
  ),
  "another transfer coding": message([OK, "Content-Encoding: br", "Transfer-Encoding: gzip, chunked"], TEXT),
  "a folded field": message([OK, "Content-Encoding:", " br", "Content-Length: 9"], TEXT),
  "chunks with a size that is none": Buffer.concat([
    message([OK, "Transfer-Encoding: chunked"]),
    latin1("xyz\r\nContent-Encoding: br\r\n\r\n"),
  ]),
  "no HTTP": latin1("220 mail.example.test ESMTP\r\n"),
  "HTTP/2": latin1("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
};
for (const [name, bytes] of Object.entries(LEFT)) {
  Deno.test(`${name}: passes as it came`, () => {
    for (const pieceBytes of [1, 100, Infinity]) {
      assert.equal(streamOf(exchange(GET, bytes, pieceBytes), 1), textOf(bytes), `${pieceBytes}`);
    }
  });
}

Deno.test("what passes is written in the pieces that came", () => {
  const flow = new CodecHarness(codec).data(0, GET);
  const head = message([OK, "Transfer-Encoding: chunked"]);
  const bytes = Buffer.concat([head, inChunks(TEXT, 100)]);
  flow.data(1, bytes.subarray(0, 500)).data(1, bytes.subarray(500)).end();
  assert.deepEqual(flow.writes(0, 1), [500, bytes.length - 500]);
});

Deno.test("a response to HEAD has no body, whatever it says", () => {
  const asked = Buffer.concat([message(["HEAD / HTTP/1.1", "Host: a"]), GET]);
  const encoded = message([OK, "Content-Encoding: gzip"], gzipSync(TEXT));
  const answered = Buffer.concat([
    message([OK, "Content-Encoding: br", "Content-Length: 99"]),
    encoded,
  ]);
  const flow = exchange(asked, answered);
  assertDecoded(flow.exchanges()[1].response!, "gzip");
  assert.equal(fieldOf(flow.exchanges()[0].response!, "content-encoding"), "br");
});

Deno.test("behind an upgrade and a CONNECT nothing is read", () => {
  const inner = message([OK, "Content-Encoding: gzip"], gzipSync(TEXT));
  for (
    const [asked, answered] of [
      ["GET / HTTP/1.1", "HTTP/1.1 101 Switching Protocols"],
      ["CONNECT a:1 HTTP/1.1", OK],
    ]
  ) {
    const flow = exchange(message([asked]), Buffer.concat([message([answered]), inner]));
    assert.ok(streamOf(flow, 1).endsWith(textOf(inner)), asked);
  }
});

Deno.test("a method of any length that servers take", () => {
  for (const method of ["A", "A".repeat(64), "A".repeat(8000)]) {
    const asked = message([`${method} / HTTP/1.1`, "Content-Encoding: br"], brotliCompressSync(TEXT));
    const sample = { toServer: asked, toClient: new Uint8Array(), final: false };
    const flow = { alpn: "", sni: "", isServer: false, serverPort: 443, joinedLate: false };
    assert.equal(codec.probe({ flow, ...sample }), "accept", `${method.length}`);
    for (const pieceBytes of [1000, Infinity]) {
      const { request } = exchange(asked, message([OK], TEXT), pieceBytes).exchanges()[0];
      assertDecoded(request, "br");
    }
  }
});

Deno.test("what calls itself a part of a body is decoded as clients do; a part that it is is left and marked", () => {
  const part = ["HTTP/1.1 206 Partial Content", "Content-Range: bytes 100-199/200"];
  for (const [coding, encode] of Object.values(ENCODINGS)) {
    const head = [...part, `Content-Encoding: ${coding}`];
    assert.equal(textOf(response(exchange(GET, message(head, encode(TEXT)))).body), textOf(TEXT));
  }
  for (const [coding, encode] of [["gzip", gzipSync], ["zstd", zstdCompressSync]] as const) {
    const body = encode(TEXT).subarray(100);
    const flow = exchange(GET, message([...part, `Content-Encoding: ${coding}`], body));
    assert.equal(textOf(response(flow).body), textOf(body));
    assert.equal(fieldOf(response(flow), "x-sslcollector-encoded"), "malformed");
    assert.equal(fieldOf(response(flow), "content-encoding"), coding);
  }
});

Deno.test("marks of a peer's own are renamed", () => {
  const flow = exchange(
    GET,
    message([OK, "X-SSLcollector-Decoded: br", "x-sslcollector-partial: gap"], TEXT),
  );
  assert.equal(fieldOf(response(flow), "x-sslcollector-peer-decoded"), "br");
  assert.equal(fieldOf(response(flow), "x-sslcollector-decoded"), undefined);
  assert.equal(fieldOf(response(flow), "x-sslcollector-partial"), "gap");
});

Deno.test("gzip and deflate are left to the IDS where it is asked for, but not in layers", () => {
  const given = decode({ gzip: false });
  const left = message([OK, "Content-Encoding: gzip"], gzipSync(TEXT));
  assert.equal(streamOf(exchange(GET, left, Infinity, given), 1), textOf(left));
  const layers = message([OK, "Content-Encoding: gzip, gzip"], gzipSync(gzipSync(TEXT)));
  assertDecoded(response(exchange(GET, layers, Infinity, given)), "gzip, gzip");
});

Deno.test("only what may be HTTP/1 is taken", () => {
  const flow = { alpn: "", sni: "", isServer: false, serverPort: 443, joinedLate: false };
  const verdict = (toServer: string, toClient = "") =>
    codec.probe({ flow, toServer: latin1(toServer), toClient: latin1(toClient), final: false });
  assert.equal(verdict("GET /"), "accept");
  assert.equal(verdict("\r\nPURGE-ALL / HTTP/1.1"), "accept");
  assert.equal(verdict("", "HTTP/1.1 200 OK"), "accept");
  assert.equal(verdict("\x16\x03\x01"), "reject");
  assert.equal(verdict("", "220 mail"), "reject");
});
