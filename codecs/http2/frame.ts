// SPDX-License-Identifier: MIT
/**
 * HTTP/2 frames (RFC 9113, sections 4 and 6): numbers, the 9-byte header, and what a header must satisfy.
 *
 * @module
 */
import { type Direction, TO_SERVER } from "../direction.ts";

export const FRAME_HEADER_BYTES = 9;

export const FrameType = {
  DATA: 0x0,
  HEADERS: 0x1,
  PRIORITY: 0x2,
  RST_STREAM: 0x3,
  SETTINGS: 0x4,
  PUSH_PROMISE: 0x5,
  PING: 0x6,
  GOAWAY: 0x7,
  WINDOW_UPDATE: 0x8,
  CONTINUATION: 0x9,
} as const;

/** RFC 7838, RFC 8336, RFC 9218: seen in the wild; passed over, but they help to find a frame boundary. */
const EXTENSION_TYPES: readonly number[] = [0xa, 0xc, 0x10];

export const Flag = { END_STREAM: 0x1, ACK: 0x1, END_HEADERS: 0x4, PADDED: 0x8, PRIORITY: 0x20 } as const;

export const Setting = {
  HEADER_TABLE_SIZE: 0x1,
  ENABLE_PUSH: 0x2,
  INITIAL_WINDOW_SIZE: 0x4,
  MAX_FRAME_SIZE: 0x5,
} as const;
export const SETTING_BYTES = 6;
/** SETTINGS_MAX_FRAME_SIZE when nothing was agreed on, and the largest that can be. */
export const DEFAULT_MAX_FRAME_SIZE = 16384;
export const LARGEST_MAX_FRAME_SIZE = 0xffffff;

/** What a client sends first (RFC 9113, section 3.4). */
export const CONNECTION_PREFACE = Uint8Array.from(
  "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
  (c) => c.charCodeAt(0),
);

export interface FrameHeader {
  lengthBytes: number;
  type: number;
  flags: number;
  streamId: number;
}

/** Reads the header at `bytes[at, at + 9)`, which the caller has checked to be there, into `header`. */
export function readFrameHeader(bytes: Uint8Array, at: number, header: FrameHeader): void {
  header.lengthBytes = readFrameLength(bytes, at);
  header.type = bytes[at + 3];
  header.flags = bytes[at + 4];
  header.streamId = readStreamId(bytes, at + 5);
}

/** Payload length in the header at `bytes[at]`. */
export const readFrameLength = (bytes: Uint8Array, at: number): number =>
  bytes[at] << 16 | bytes[at + 1] << 8 | bytes[at + 2];

/** 31 bits at `bytes[at, at + 4)`; the reserved bit is ignored. */
export const readStreamId = (bytes: Uint8Array, at: number): number =>
  (bytes[at] & 0x7f) << 24 | bytes[at + 1] << 16 | bytes[at + 2] << 8 | bytes[at + 3];

/** Why a frame ends the connection. */
type FrameError = "frame-size" | "frame-stream" | "frame-padding";

/**
 * What makes every receiver end the connection on sight of the header (RFC 9113, section 6): a length that the type cannot
 * have, or stream 0 where a stream is needed and the other way round. PRIORITY is passed over whatever it says; HEADERS too
 * short for their flags, GOAWAY on a stream, and a frame that is longer than was allowed are still frames: some receivers go on.
 */
export function frameHeaderError(header: FrameHeader): FrameError | undefined {
  const { lengthBytes, streamId } = header;
  switch (header.type) {
    case FrameType.DATA:
    case FrameType.HEADERS:
    case FrameType.PUSH_PROMISE:
    case FrameType.CONTINUATION:
      if (streamId === 0) return "frame-stream";
      if (header.type === FrameType.HEADERS) return undefined;
      return lengthBytes < minPayloadBytes(header) ? "frame-size" : undefined;
    case FrameType.RST_STREAM:
      if (streamId === 0) return "frame-stream";
      return lengthBytes !== 4 ? "frame-size" : undefined;
    case FrameType.SETTINGS:
      if (streamId !== 0) return "frame-stream";
      if (isSettingsAck(header)) return lengthBytes !== 0 ? "frame-size" : undefined;
      return lengthBytes % SETTING_BYTES !== 0 ? "frame-size" : undefined;
    case FrameType.PING:
      if (streamId !== 0) return "frame-stream";
      return lengthBytes !== 8 ? "frame-size" : undefined;
    case FrameType.GOAWAY:
      return lengthBytes < 8 ? "frame-size" : undefined;
    case FrameType.WINDOW_UPDATE:
      return lengthBytes !== 4 ? "frame-size" : undefined;
    default:
      return undefined;
  }
}

/** Frames of this type carry a header block, or a part of one. */
export const carriesBlock = (type: number): boolean =>
  type === FrameType.HEADERS || type === FrameType.PUSH_PROMISE || type === FrameType.CONTINUATION;

/** SETTINGS that acknowledge. With other flags besides some peers read them as settings, by their payload. */
export const isSettingsAck = ({ flags, lengthBytes }: FrameHeader): boolean =>
  flags === Flag.ACK || ((flags & Flag.ACK) !== 0 && lengthBytes === 0);

/** Bytes that the flags promise before fragment or data. */
function minPayloadBytes(header: FrameHeader): number {
  let length = header.type === FrameType.PUSH_PROMISE ? 4 : 0;
  if (header.type !== FrameType.CONTINUATION && (header.flags & Flag.PADDED) !== 0) length++;
  if (header.type === FrameType.HEADERS && (header.flags & Flag.PRIORITY) !== 0) length += 5;
  return length;
}

/** Flags that each type defines, by type; peers leave the others zero. */
const DEFINED_FLAGS = [0x09, 0x2d, 0, 0, 0x01, 0x0c, 0x01, 0, 0, 0x04];

/**
 * Whether 9 bytes look like the header of a frame that a peer really sends in this direction. Stricter than the RFC:
 * undefined flags and the reserved bit must be zero. Of random headers less than one in a million pass.
 */
export function isPlausibleHeader(
  bytes: Uint8Array,
  at: number,
  direction: Direction,
  maxFrameSize: number,
): boolean {
  if (bytes[at + 5] > 0x7f) return false;
  const type = bytes[at + 3];
  const streamId = readStreamId(bytes, at + 5);
  if (type >= DEFINED_FLAGS.length) {
    return EXTENSION_TYPES.includes(type) && bytes[at + 4] === 0 && bytes[at] === 0 && bytes[at + 1] < 4 &&
      (streamId === 0 || type === 0xa);
  }
  if ((bytes[at + 4] & ~DEFINED_FLAGS[type]) !== 0) return false;
  if (type === FrameType.PRIORITY && (bytes[at + 2] !== 5 || bytes[at + 1] !== 0 || streamId === 0)) {
    return false;
  }
  if (type === FrameType.PUSH_PROMISE && direction === TO_SERVER) return false;
  if (type === FrameType.HEADERS && direction === TO_SERVER && streamId % 2 === 0) return false;
  // SETTINGS, GOAWAY: far shorter than a frame may be.
  if ((type === FrameType.SETTINGS || type === FrameType.GOAWAY) && (bytes[at] !== 0 || bytes[at + 1] > 1)) {
    return false;
  }
  if (type === FrameType.GOAWAY && streamId !== 0) return false;
  readFrameHeader(bytes, at, probed);
  if (type === FrameType.HEADERS && probed.lengthBytes < minPayloadBytes(probed)) return false;
  return probed.lengthBytes <= maxFrameSize && frameHeaderError(probed) === undefined;
}

const probed: FrameHeader = { lengthBytes: 0, type: 0, flags: 0, streamId: 0 };
