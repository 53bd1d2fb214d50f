// SPDX-License-Identifier: MIT
/**
 * A reader of HTTP/2 apart from the code that it judges: frames by hand, header blocks by npm `hpack`. What it reads is well
 * formed.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { newNpmHpack } from "./hpack_stories.ts";
import { type Fields, textOf } from "./http2_frames.ts";

/** What one side sent on a stream. */
export interface ReadStream {
  /** Of interim responses, the head, and trailers. */
  readonly blocks: Fields[];
  body: string;
  hasEnded: boolean;
}

const PREFACE_BYTES = 24;

/** Streams of one direction by their number. */
export function readHttp2(bytes: Uint8Array, isClient: boolean): Map<number, ReadStream> {
  const streams = new Map<number, ReadStream>();
  const hpack = newNpmHpack();
  const blocks = new Map<number, Uint8Array[]>();
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  for (let at = isClient ? PREFACE_BYTES : 0; at < bytes.length;) {
    const length = view.getUint32(at) >>> 8, type = bytes[at + 3], flags = bytes[at + 4];
    const id = view.getUint32(at + 5);
    let start = at + 9, end = start + length;
    at = end;
    if (id === 0 || ![0, 1, 9].includes(type)) continue;
    let stream = streams.get(id);
    if (!stream) streams.set(id, stream = { blocks: [], body: "", hasEnded: false });
    if (type !== 9 && (flags & 8) !== 0) end -= bytes[start++];
    if (type === 1 && (flags & 0x20) !== 0) start += 5;
    if (type !== 9 && (flags & 1) !== 0) stream.hasEnded = true;
    const payload = bytes.subarray(start, end);
    if (type === 0) {
      stream.body += textOf(payload);
      continue;
    }
    const parts = [...blocks.get(id) ?? [], payload];
    blocks.set(id, parts);
    if ((flags & 4) === 0) continue;
    blocks.delete(id);
    stream.blocks.push(hpack.decode(Buffer.concat(parts)));
  }
  return streams;
}
