// SPDX-License-Identifier: MIT
/** Bodies in every content coding, and messages of HTTP/1.1 that carry them. @module */
import { Buffer } from "node:buffer";
import {
  brotliCompressSync,
  constants,
  deflateRawSync,
  deflateSync,
  gzipSync,
  zstdCompressSync,
} from "node:zlib";

type Encode = (body: Uint8Array) => Uint8Array;

/** The best that brotli can takes a hundred times as long. */
const quick = { params: { [constants.BROTLI_PARAM_QUALITY]: 4 } };

/** `Content-Encoding` and what makes such bodies, by a name for people. */
export const ENCODINGS: Readonly<Record<string, readonly [coding: string, encode: Encode]>> = {
  "br": ["br", (body) => brotliCompressSync(body, quick)],
  "zstd": ["zstd", (body) => zstdCompressSync(body)],
  "gzip": ["gzip", (body) => gzipSync(body)],
  "gzip in two members": [
    "x-gzip",
    (body) => Buffer.concat([gzipSync(body.subarray(0, 10)), gzipSync(body.subarray(10))]),
  ],
  "deflate": ["deflate", (body) => deflateSync(body)],
  "deflate without its header": ["Deflate", (body) => deflateRawSync(body)],
  "gzip called deflate": ["deflate", (body) => gzipSync(body)],
  "zstd in two frames": [
    "zstd",
    (body) => Buffer.concat([zstdCompressSync(body.subarray(0, 10)), zstdCompressSync(body.subarray(10))]),
  ],
  "gzip, then br": ["gzip, br", (body) => brotliCompressSync(gzipSync(body), quick)],
  "zstd, then gzip": ["zstd, identity, gzip", (body) => gzipSync(zstdCompressSync(body))],
};

export const latin1 = (text: string): Uint8Array => Buffer.from(text, "latin1");

/** A head of these lines, and a body with its length unless the lines have one. */
export function message(lines: readonly string[], body?: Uint8Array): Uint8Array {
  const isFramed = lines.some((line) => /^(content-length|transfer-encoding):/i.test(line));
  const framing = body === undefined || isFramed ? [] : [`Content-Length: ${body.length}`];
  return Buffer.concat([latin1([...lines, ...framing, "", ""].join("\r\n")), body ?? latin1("")]);
}

/** In chunks of so many bytes, with trailer lines. */
export function inChunks(body: Uint8Array, size: number, trailers: readonly string[] = []): Uint8Array {
  const parts: Uint8Array[] = [];
  for (let at = 0; at < body.length; at += size) {
    const piece = body.subarray(at, at + size);
    parts.push(latin1(`${piece.length.toString(16)}\r\n`), piece, latin1("\r\n"));
  }
  return Buffer.concat([...parts, latin1(["0", ...trailers, "", ""].join("\r\n"))]);
}
