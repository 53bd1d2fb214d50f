// SPDX-License-Identifier: MIT
/** HTTP/2 bytes made by hand, valid or not. @module */
import { Buffer } from "node:buffer";
import { CONNECTION_PREFACE, Flag, FRAME_HEADER_BYTES, FrameType } from "../../codecs/http2/frame.ts";
import { concat } from "./bytes.ts";

export type Fields = readonly (readonly [name: string, value: string])[];

/** Latin-1: one byte a character. */
export function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at++) bytes[at] = text.charCodeAt(at);
  return bytes;
}
export const textOf = ({ buffer, byteOffset, length }: Uint8Array): string =>
  Buffer.from(buffer as ArrayBuffer, byteOffset, length).toString("latin1");

export const join = (...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> => concat(parts);

/** One frame; the length is the payload's unless given. */
export function frame(
  type: number,
  flags: number,
  streamId: number,
  payload: Uint8Array = new Uint8Array(),
  lengthBytes = payload.length,
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(FRAME_HEADER_BYTES + payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, lengthBytes * 256 + type);
  bytes[4] = flags;
  view.setUint32(5, streamId);
  bytes.set(payload, FRAME_HEADER_BYTES);
  return bytes;
}

/** An HPACK integer (RFC 7541, section 5.1) with `pattern` in the bits above the prefix. */
export function hpackInteger(value: number, prefixBits: number, pattern = 0): number[] {
  const mask = (1 << prefixBits) - 1;
  if (value < mask) return [pattern | value];
  const octets = [pattern | mask];
  for (value -= mask; value >= 128; value = Math.floor(value / 128)) octets.push(value % 128 | 0x80);
  return [...octets, value];
}

const hpackString = (text: string) => [...hpackInteger(text.length, 7), ...bytesOf(text)];

/** A field as a literal with a literal name; `indexing` puts it into the table. */
export const literal = (name: string, value: string, indexing = false): Uint8Array<ArrayBuffer> =>
  Uint8Array.from([indexing ? 0x40 : 0, ...hpackString(name), ...hpackString(value)]);

/** A block of literals that leave the table alone. */
export const block = (fields: Fields): Uint8Array<ArrayBuffer> =>
  join(...fields.map(([name, value]) => literal(name, value)));

export const { END_STREAM, END_HEADERS } = Flag;

/** A header block as HEADERS and, where it is longer than a frame may be, CONTINUATION frames. */
export function headers(streamId: number, fields: Fields | Uint8Array, flags = 0): Uint8Array<ArrayBuffer> {
  const payload = fields instanceof Uint8Array ? fields : block(fields);
  const frames: Uint8Array[] = [];
  for (let at = 0; at === 0 || at < payload.length; at += 16384) {
    const last = at + 16384 >= payload.length ? END_HEADERS : 0;
    const type = at === 0 ? FrameType.HEADERS : FrameType.CONTINUATION;
    frames.push(frame(type, (at === 0 ? flags : 0) | last, streamId, payload.subarray(at, at + 16384)));
  }
  return join(...frames);
}

export const data = (streamId: number, body: string | Uint8Array, flags = 0): Uint8Array<ArrayBuffer> =>
  frame(FrameType.DATA, flags, streamId, typeof body === "string" ? bytesOf(body) : body);

export const settings = (
  ...pairs: readonly (readonly [id: number, value: number])[]
): Uint8Array<ArrayBuffer> =>
  frame(
    FrameType.SETTINGS,
    0,
    0,
    Uint8Array.from(
      pairs.flatMap(([id, value]) => [id >> 8, id, value >>> 24, value >> 16, value >> 8, value]),
    ),
  );
export const settingsAck = (): Uint8Array<ArrayBuffer> => frame(FrameType.SETTINGS, Flag.ACK, 0);
export const reset = (streamId: number, code = 8): Uint8Array<ArrayBuffer> =>
  frame(FrameType.RST_STREAM, 0, streamId, Uint8Array.of(0, 0, 0, code));
export const goAway = (lastStreamId: number): Uint8Array<ArrayBuffer> =>
  frame(FrameType.GOAWAY, 0, 0, Uint8Array.of(0, 0, lastStreamId >> 8, lastStreamId, 0, 0, 0, 0));
export const pushPromise = (
  streamId: number,
  promisedId: number,
  fields: Fields | Uint8Array,
): Uint8Array<ArrayBuffer> =>
  frame(
    FrameType.PUSH_PROMISE,
    END_HEADERS,
    streamId,
    join(
      Uint8Array.of(0, 0, promisedId >> 8, promisedId),
      fields instanceof Uint8Array ? fields : block(fields),
    ),
  );

/** What a client and a server send first. */
export const clientStart = (): Uint8Array<ArrayBuffer> => join(CONNECTION_PREFACE, settings());
export const serverStart = (): Uint8Array<ArrayBuffer> => join(settings(), settingsAck());

/** Request fields with the pseudo-header ones in front. */
export const request = (method: string, path: string, ...more: Fields): Fields => [
  [":method", method],
  [":scheme", "https"],
  [":authority", "example.test"],
  [":path", path],
  ...more,
];
export const response = (
  status: number | string,
  ...more: Fields
): Fields => [[":status", `${status}`], ...more];
