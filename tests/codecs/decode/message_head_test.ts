// SPDX-License-Identifier: MIT
/** What a head says of its body, and what readers may take differently. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { type MessageHead, readHead, rewriteHead } from "../../../codecs/decode/message_head.ts";
import { latin1 } from "../../support/encoded_bodies.ts";

const head = (...lines: string[]) => latin1([...lines, "", ""].join("\r\n"));
const answered = (...fields: string[]) => readHead(1, head("HTTP/1.1 200 OK", ...fields))!;

Deno.test("head: first lines of HTTP/1, and no others", () => {
  const first = (direction: 0 | 1, line: string) => {
    const read = readHead(direction, head(line));
    return read && [read.method, read.status, read.isHttp10];
  };
  assert.deepEqual(first(0, "GET / HTTP/1.1"), ["GET", 0, false]);
  assert.deepEqual(first(0, "GET /a b HTTP/1.0"), ["GET", 0, true]);
  assert.deepEqual(first(1, "HTTP/1.1 404 Not Found"), ["", 404, false]);
  assert.deepEqual(first(1, "HTTP/1.0 200"), ["", 200, true]);
  for (const line of ["GET /", "GET HTTP/1.1", " / HTTP/1.1", "PRI * HTTP/2.0", "GET / HTTP/1.12", ""]) {
    assert.equal(first(0, line), undefined, line);
  }
  for (const line of ["HTTP/2 200 OK", "HTTP/1.1 20x", "HTTP/1.1 2000", "HTTP/1.1  200", "ICY 200 OK", ""]) {
    assert.equal(first(1, line), undefined, line);
  }
});

Deno.test("head: codings in any case, order and number of fields", () => {
  assert.deepEqual(answered("content-encoding:GZIP,,  Br", "CONTENT-ENCODING: identity").contentCodings, [
    "gzip",
    "br",
  ]);
  assert.deepEqual(answered("Content-Type: br", "X-Content-Encoding: br").contentCodings, []);
});

Deno.test("head: lengths", () => {
  const length = (...values: string[]) =>
    answered(...values.map((value) => `Content-Length: ${value}`)).contentLength;
  assert.equal(length(), -1);
  assert.equal(length("0"), 0);
  assert.equal(length("12", "12"), 12);
  assert.equal(length("12, 12"), 12);
});

const AMBIGUOUS: Readonly<Record<string, readonly string[]>> = {
  "a length that is none": ["Content-Length: 0x10"],
  "an empty length": ["Content-Length:"],
  "a signed length": ["Content-Length: +5"],
  "a length over 15 digits": ["Content-Length: 1000000000000000"],
  "two lengths": ["Content-Length: 1", "Content-Length: 2"],
  "length and chunks": ["Content-Length: 1", "Transfer-Encoding: chunked"],
  "another transfer coding": ["Transfer-Encoding: xchunked"],
  "several transfer codings": ["Transfer-Encoding: chunked, chunked"],
  "a folded field": ["X: 1", "\tContent-Encoding: br"],
  "what goes on with a field that matters": ["Content-Encoding: gzip", " , br"],
  "a first field that is folded": [" X: 1"],
  "a blank before the colon": ["Transfer-Encoding : chunked"],
};
for (const [name, fields] of Object.entries(AMBIGUOUS)) {
  Deno.test(`head: ${name} is ambiguous`, () => {
    assert.equal(answered(...fields).isAmbiguous, true);
  });
}

Deno.test("head: a folded field that says nothing of the body is not ambiguous", () => {
  const read = answered("X: 1", "\tand more", "  ", "Content-Encoding: br", "Y: 2", " 3");
  assert.equal(read.isAmbiguous, false);
  assert.deepEqual(read.contentCodings, ["br"]);
});

Deno.test("head: what is not ambiguous, and the fields of upgrades", () => {
  const read: MessageHead = answered(
    "Transfer-Encoding: Chunked",
    "Connection: Upgrade, Keep-Alive",
    "Upgrade: WebSocket",
    "Sec-WebSocket-Extensions: Permessage-Deflate",
    "X-Sslcollector-Encoded: x",
  );
  assert.deepEqual({ ...read }, {
    method: "",
    status: 200,
    isHttp10: false,
    contentLength: -1,
    isChunked: true,
    isAmbiguous: false,
    contentCodings: [],
    keepsAlive: true,
    upgrade: "websocket",
    webSocketExtensions: "permessage-deflate",
    hasMarks: true,
  });
});

Deno.test("head: rewriting leaves all other lines as they were, byte for byte", () => {
  const bytes = head(
    "HTTP/1.1 200 \xe4",
    "a:1",
    "Content-Encoding: br",
    "b: \xff\xfe",
    "x-sslcollector-decoded: 1",
  );
  assert.equal(
    Buffer.from(rewriteHead(bytes, new Set(["content-encoding"]), ["c: 3"])).toString("latin1"),
    "HTTP/1.1 200 \xe4\r\na:1\r\nb: \xff\xfe\r\nx-sslcollector-peer-decoded: 1\r\nc: 3\r\n\r\n",
  );
});
