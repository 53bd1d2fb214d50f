// SPDX-License-Identifier: MIT
/** What `decode` takes of encoded bodies on one core, beside Node's zlib with the same bodies whole. @module */
import { Buffer } from "node:buffer";
import {
  brotliCompressSync,
  brotliDecompressSync,
  constants,
  gunzipSync,
  gzipSync,
  zstdCompressSync,
  zstdDecompressSync,
} from "node:zlib";
import type { CodecOutput } from "../../codecs/codec.ts";
import { decode } from "../../codecs/decode/codec.ts";
import { latin1, message } from "../support/encoded_bodies.ts";
import { Random } from "../support/random.ts";
import type { BenchRow } from "./row.ts";

/** The best of so many rounds counts, ours and zlib's in turns. */
const ROUNDS = 7;
const RECORD_BYTES = 16 * 1024;
const BODIES = 40;
/** Encoded bits a second that a core should take, unless zlib gives less. */
const ASKED_GBPS = 1;
/** What is around zlib may take so much of the time. */
const ASKED_SHARE = 0.8;

const FLOW = { alpn: "", sni: "", isServer: false, serverPort: 443, joinedLate: false };
const OUTPUT: CodecOutput = {
  write() {},
  gap() {},
  openLane: () => 1,
  close() {},
  comment() {},
  count() {},
};

/** Text that compresses to a quarter or so, as pages do. */
function page(sizeBytes: number): Uint8Array {
  const random = new Random(1);
  const words = Array.from(
    { length: 2000 },
    () => Buffer.from(random.bytes(2 + random.below(8)).map((byte) => 97 + byte % 26)).toString(),
  );
  let text = "";
  while (text.length < sizeBytes) {
    text += `<p class="item">${words[random.below(words.length)]} ${words[random.below(200)]}</p>\n`;
  }
  return latin1(text.slice(0, sizeBytes));
}

interface Format {
  readonly name: string;
  readonly encoded: Uint8Array;
  readonly whole: (bytes: Uint8Array) => Uint8Array;
}

function rates({ name, encoded, whole }: Format): { ours: number; zlib: number } {
  const answered = message(["HTTP/1.1 200 OK", `Content-Encoding: ${name}`], encoded);
  const asked = message(["GET / HTTP/1.1", "Host: a"]);
  const codec = decode({ ratio: 1_000_000 });
  const ours = () => {
    const session = codec.open(FLOW, OUTPUT);
    for (let i = 0; i < BODIES; i++) {
      session.data(0, asked, 0);
      for (let at = 0; at < answered.length; at += RECORD_BYTES) {
        session.data(1, answered.subarray(at, at + RECORD_BYTES), 0);
      }
    }
    session.end(0, 0);
    session.end(1, 0);
  };
  const zlib = () => {
    for (let i = 0; i < BODIES; i++) whole(encoded);
  };
  const best = { ours: Infinity, zlib: Infinity };
  for (let round = 0; round <= ROUNDS; round++) {
    for (const [which, run] of [["ours", ours], ["zlib", zlib]] as const) {
      const startMs = performance.now();
      run();
      // The first round warms up.
      if (round > 0) best[which] = Math.min(best[which], (performance.now() - startMs) / 1000);
    }
  }
  const gbits = BODIES * encoded.length * 8 / 1e9;
  return { ours: gbits / best.ours, zlib: gbits / best.zlib };
}

// deno-lint-ignore require-await -- the shape that all benchmarks have
export async function benchDecode(): Promise<BenchRow[]> {
  const text = page(512 * 1024);
  const quality = { params: { [constants.BROTLI_PARAM_QUALITY]: 5 } };
  const formats: Format[] = [
    { name: "gzip", encoded: gzipSync(text), whole: (bytes) => gunzipSync(bytes) },
    { name: "br", encoded: brotliCompressSync(text, quality), whole: (bytes) => brotliDecompressSync(bytes) },
    { name: "zstd", encoded: zstdCompressSync(text), whole: (bytes) => zstdDecompressSync(bytes) },
  ];
  return formats.map((format) => {
    const { ours, zlib } = rates(format);
    const share = ours / zlib;
    return {
      name: `decode, ${format.name} bodies of 512 KiB (${
        (text.length / format.encoded.length).toFixed(1)
      } to 1)`,
      value: `${ours.toFixed(2)} Gbit/s encoded, ${share.toFixed(2)} of what zlib gives whole`,
      target: `${ASKED_GBPS} Gbit/s or ${ASKED_SHARE} of zlib's`,
      ok: ours >= ASKED_GBPS || share >= ASKED_SHARE,
    };
  });
}

if (import.meta.main) console.table(await benchDecode());
