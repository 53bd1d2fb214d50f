// SPDX-License-Identifier: MIT
/** Made-up HTTP/2: what the codec's code paths need to be compiled, some 2 MiB. @module */
import type { Direction } from "../codec.ts";

const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/** The first Huffman-coded request and response of RFC 7541, appendices C.4 and C.6. */
const REQUEST = "828684418cf1e3c2e5f23a6ba0ab90f4ff";
const RESPONSE = "488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff" +
  "6e919d29ad171863c78f0b97c8e9ae82ae43d3";

const DATA = 0;
const HEADERS = 1;
const SETTINGS = 4;
const END_STREAM = 1;
const END_HEADERS = 4;

const SMALL_EXCHANGES = 1000;
const SMALL_BODY = 500;
/** One exchange that is streamed on a lane of its own. */
const LARGE_FRAMES = 100;
const LARGE_FRAME = 16_384;

function frame(type: number, flags: number, streamId: number, payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(9 + payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, payload.length * 256 + type);
  bytes[4] = flags;
  view.setUint32(5, streamId);
  bytes.set(payload, 9);
  return bytes;
}

/** Records of one connection in their order. */
export function* madeUpHttp2(): Generator<readonly [direction: Direction, bytes: Uint8Array]> {
  const none = new Uint8Array();
  const request = Uint8Array.fromHex(REQUEST);
  const response = Uint8Array.fromHex(RESPONSE);
  yield [0, new TextEncoder().encode(PREFACE)];
  yield [0, frame(SETTINGS, 0, 0, none)];
  yield [1, frame(SETTINGS, 0, 0, none)];
  let streamId = 1;
  for (; streamId < 2 * SMALL_EXCHANGES; streamId += 2) {
    yield [0, frame(HEADERS, END_HEADERS | END_STREAM, streamId, request)];
    yield [1, frame(HEADERS, END_HEADERS, streamId, response)];
    yield [1, frame(DATA, END_STREAM, streamId, new Uint8Array(SMALL_BODY).fill(0x2e))];
  }
  yield [0, frame(HEADERS, END_HEADERS | END_STREAM, streamId, request)];
  yield [1, frame(HEADERS, END_HEADERS, streamId, response)];
  const large = frame(DATA, 0, streamId, new Uint8Array(LARGE_FRAME).fill(0x2e));
  for (let at = 0; at < LARGE_FRAMES; at++) yield [1, large];
  yield [1, frame(DATA, END_STREAM, streamId, none)];
}
