// SPDX-License-Identifier: MIT
/** What is fuzzed of `decode`: messages of HTTP/1.1 with encoded bodies. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { decode } from "../../codecs/decode/codec.ts";
import { CodecHarness } from "../support/codec_harness.ts";
import { ENCODINGS, inChunks, latin1, message } from "../support/encoded_bodies.ts";
import { readHttp1 } from "../support/http1_reader.ts";
import type { Random } from "../support/random.ts";

const MAX_MESSAGE_BYTES = 20_000;
const CODEC = decode({
  maxMessageBytes: MAX_MESSAGE_BYTES,
  maxOpen: 3,
  extraBytes: 10_000,
  ratio: 5,
  websocket: true,
});
const NAMES = Object.keys(ENCODINGS);

interface Sent {
  readonly bytes: Uint8Array;
  readonly text: Uint8Array;
  readonly encoded: Uint8Array;
  readonly isDamaged: boolean;
}

/**
 * Responses with encoded bodies, some of them damaged, in pieces, with another connection beside that takes its decoders: every
 * message is there, in its order, its body what was encoded or else a part of that with the end of the encoded bytes.
 */
export function decodeTarget(random: Random): void {
  const sent = Array.from({ length: 1 + random.below(4) }, () => randomResponse(random));
  const flow = new CodecHarness(CODEC);
  const other = new CodecHarness(CODEC);
  const asked = message(["GET / HTTP/1.1"]);
  for (const { bytes } of sent) {
    flow.data(0, asked);
    other.data(0, asked);
    const pieceBytes = random.below(4) === 0 ? 1 + random.below(20) : 1 + random.below(5000);
    for (let at = 0; at < bytes.length; at += pieceBytes) {
      flow.data(1, bytes.subarray(at, at + pieceBytes));
      if (random.below(30) === 0) other.data(1, bytes.subarray(0, random.below(5000)));
    }
  }
  flow.end();
  other.end();
  const { exchanges, orphans } = readHttp1(...joined(flow));
  assert.equal(orphans.length, 0);
  assert.equal(exchanges.length, sent.length);
  exchanges.forEach(({ response }, i) => assertShown(Buffer.from(response!.body), sent[i]));
}

/** All connections of a flow, as one. */
function joined(flow: CodecHarness): [Uint8Array, Uint8Array] {
  const streams = flow.connections().map(({ streams }) => streams);
  return [
    Buffer.concat(streams.map(([toServer]) => toServer)),
    Buffer.concat(streams.map(([, toClient]) => toClient)),
  ];
}

function assertShown(body: Buffer, { text, encoded, isDamaged }: Sent): void {
  if (body.equals(text) || body.equals(encoded)) return;
  let same = 0;
  while (same < body.length && body[same] === text[same]) same++;
  // Damage may decode to something: what the peer saw as well.
  if (isDamaged) return assert.ok(body.length <= MAX_MESSAGE_BYTES + 2 * encoded.length + 16_384);
  const rest = body.subarray(same);
  assert.ok(Buffer.from(encoded).subarray(-rest.length).equals(rest));
}

function randomResponse(random: Random): Sent {
  const [coding, encode] = ENCODINGS[NAMES[random.below(NAMES.length)]];
  const letters = 1 + random.below(40);
  const text = random.bytes(random.below(4) === 0 ? random.below(60_000) : random.below(2000))
    .map((byte) => 97 + byte % letters);
  const original = encode(text);
  const isDamaged = random.below(3) === 0;
  const encoded = isDamaged ? random.mutated(original) : original;
  const fields = ["HTTP/1.1 200 OK", `Content-Encoding: ${coding}`];
  const bytes = random.below(2) === 0 ? message(fields, encoded) : Buffer.concat([
    message([...fields, "Transfer-Encoding: chunked"]),
    inChunks(encoded, 1 + random.below(3000), random.below(3) === 0 ? ["X-Trailer: 1"] : []),
  ]);
  return { bytes, text, encoded, isDamaged };
}

/** Anything in either direction, in any pieces: nothing throws, and what is no message with an encoded body is as it came. */
export function decodeBytesTarget(random: Random): void {
  const { bytes } = randomResponse(random);
  const flow = new CodecHarness(CODEC);
  const parts = [
    message(["GET / HTTP/1.1", "Upgrade: websocket"]),
    bytes,
    latin1("HTTP/1.1 101 S\r\n"),
    random.bytes(300),
  ];
  for (let calls = random.below(20); calls > 0; calls--) {
    const direction = random.below(2) as 0 | 1;
    if (random.below(8) === 0) flow.gap(direction, 1 + random.below(500));
    const part = random.mutated(parts[random.below(parts.length)]);
    if (part.length > 0) flow.data(direction, part);
  }
  flow.end();
}
