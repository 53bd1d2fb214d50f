// SPDX-License-Identifier: MIT
/** What the runtime's decompressors must do when they are driven piece by piece: nothing public promises it. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import * as zlib from "node:zlib";
import { type Format, ZlibStream } from "../../../codecs/decode/zlib_stream.ts";

const TEXT = Buffer.from("what passes a stream in pieces, ".repeat(3000));
const ENCODE: Readonly<Record<Format, (bytes: Uint8Array) => Uint8Array>> = {
  "gzip": (bytes) => zlib.gzipSync(bytes),
  "zlib": (bytes) => zlib.deflateSync(bytes),
  "raw-deflate": (bytes) => zlib.deflateRawSync(bytes),
  "br": (bytes) => zlib.brotliCompressSync(bytes),
  "zstd": (bytes) => zlib.zstdCompressSync(bytes),
};

interface Decoded {
  readonly bytes: Uint8Array;
  readonly left: number;
  readonly isMalformed: boolean;
}

/** Gives `input` in pieces to a stream that has so much room at a time. */
function decodeAll(stream: ZlibStream, input: Uint8Array, pieceBytes: number, roomBytes: number): Decoded {
  const room = new Uint8Array(roomBytes);
  const parts: Uint8Array[] = [];
  for (let start = 0; start < input.length; start += pieceBytes) {
    const end = Math.min(start + pieceBytes, input.length);
    for (let at = start;;) {
      stream.step(input, at, end, room);
      at += stream.consumed;
      parts.push(room.slice(0, stream.produced));
      const { isMalformed } = stream;
      if (isMalformed) return { bytes: Buffer.concat(parts), left: input.length - at, isMalformed };
      if (stream.produced === roomBytes) continue;
      if (at === end) break;
      if (stream.consumed === 0 && stream.produced === 0) {
        return { bytes: Buffer.concat(parts), left: input.length - at, isMalformed };
      }
    }
  }
  return { bytes: Buffer.concat(parts), left: 0, isMalformed: false };
}

for (const [name, encode] of Object.entries(ENCODE)) {
  const format = name as Format;
  const encoded = encode(TEXT);

  Deno.test(`${format}: pieces of any size into room of any size give the whole`, () => {
    for (const pieceBytes of [1, 7, 1e6]) {
      for (const roomBytes of [64, 1000, TEXT.length, 1e6]) {
        const stream = new ZlibStream(format);
        const { bytes, left } = decodeAll(stream, encoded, pieceBytes, roomBytes);
        assert.ok(Buffer.compare(bytes, TEXT) === 0, `${pieceBytes} into ${roomBytes}`);
        assert.equal(left, 0);
        assert.ok(stream.isWhole());
        stream.close();
      }
    }
  });

  Deno.test(`${format}: what is cut off is not whole`, () => {
    const stream = new ZlibStream(format);
    decodeAll(stream, encoded.subarray(0, -1), 1e6, 1e6);
    assert.equal(stream.isWhole(), false);
    stream.close();
  });

  Deno.test(`${format}: bytes behind the end are malformed, or left`, () => {
    const stream = new ZlibStream(format);
    const behind = Buffer.from("and behind it");
    const { bytes, left, isMalformed } = decodeAll(stream, Buffer.concat([encoded, behind]), 1e6, 1e6);
    assert.ok(isMalformed || left === behind.length);
    if (!isMalformed) assert.equal(bytes.length, TEXT.length);
    stream.close();
  });

  Deno.test(`${format}: random bytes end, with or without a word`, () => {
    for (let first = 0; first < 256; first++) {
      const stream = new ZlibStream(format);
      decodeAll(stream, Buffer.from([first, ...TEXT.subarray(0, 300)]), 100, 100);
      stream.close();
    }
  });
}

const EVENT = Buffer.from("event: one\n\n");
const FLUSHED: Readonly<Record<string, Uint8Array>> = {
  "gzip": zlib.gzipSync(EVENT, { finishFlush: zlib.constants.Z_SYNC_FLUSH }),
  "br": zlib.brotliCompressSync(EVENT, { finishFlush: zlib.constants.BROTLI_OPERATION_FLUSH }),
  "zstd": zlib.zstdCompressSync(EVENT, { finishFlush: zlib.constants.ZSTD_e_flush }),
};
for (const [format, flushed] of Object.entries(FLUSHED)) {
  Deno.test(`${format}: what the sender has flushed is decoded before more comes`, () => {
    const stream = new ZlibStream(format as Format);
    assert.deepEqual(Buffer.from(decodeAll(stream, flushed, 1e6, 1e6).bytes), EVENT);
    assert.equal(stream.isWhole(), false);
    stream.close();
  });
}

Deno.test("zstd: a window that no content coding may have is refused, not allocated", () => {
  const encoded = zlib.zstdCompressSync(TEXT, { params: { [zlib.constants.ZSTD_c_windowLog]: 27 } });
  const stream = new ZlibStream("zstd");
  assert.ok(decodeAll(stream, encoded, 1e6, 1e6).isMalformed);
  stream.close();
});
