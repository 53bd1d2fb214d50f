// SPDX-License-Identifier: MIT
/**
 * Finding a frame boundary in a direction whose start, or a part of which, was not seen.
 *
 * Frames mostly begin where a TLS record begins, so the first byte of each piece of clear text is tried first, and
 * then every other offset with a stronger demand. Bytes of a body can look like frames by intent: what is found here is not
 * sure before something else confirms it.
 *
 * @module
 */
import { type Direction, TO_SERVER } from "../direction.ts";
import {
  CONNECTION_PREFACE,
  FRAME_HEADER_BYTES,
  FrameType,
  isPlausibleHeader,
  readFrameLength,
  readStreamId,
} from "./frame.ts";

/** Headers in a row, each where the one before says, that make any offset a boundary. */
const CHAIN = 3;

/** The chain is right as far as the bytes go, but they do not go far enough. */
const UNDECIDED = -1;
const NO_CHAIN = 0;

/** What is known of the frames that are looked for. */
export interface Search {
  readonly direction: Direction;
  /** Longest frame that counts as one. */
  readonly maxFrameSize: number;
  /** Whether a frame of this stream is no surprise. */
  readonly isExpected: (streamId: number) => boolean;
  /** The connection preface may come. */
  readonly mayPreface: boolean;
}

/** Follows frames from `at`: how many headers fit, when they are enough. `atStart`: a piece of clear text begins there. */
function chain(bytes: Uint8Array, at: number, search: Search, atStart: boolean): number {
  const { direction, maxFrameSize } = search;
  const end = bytes.length;
  let expected = true;
  for (let frames = 1;; frames++) {
    if (at + FRAME_HEADER_BYTES > end) return UNDECIDED;
    if (!isPlausibleHeader(bytes, at, direction, maxFrameSize)) return NO_CHAIN;
    expected &&= search.isExpected(readStreamId(bytes, at + 5));
    at += FRAME_HEADER_BYTES + readFrameLength(bytes, at);
    if (frames >= CHAIN) return frames;
    // A whole number of frames in one piece of clear text.
    if (at === end && expected && (atStart || frames >= 2)) return frames;
    if (at > end) return UNDECIDED;
  }
}

/** A frame begins at `at`, or the connection preface. */
export interface Boundary {
  readonly isFound: true;
  readonly at: number;
  readonly isPreface: boolean;
}

/** Bytes before `keepFrom` are no use any more. */
interface NoBoundary {
  readonly isFound: false;
  readonly keepFrom: number;
}

const boundary = (at: number, isPreface: boolean): Boundary => ({ isFound: true, at, isPreface });

/**
 * Looks for a boundary in `bytes`. `pieces` are the offsets at which pieces of clear text began, ascending.
 * A piece that begins with a plausible but unfinished chain is waited for. Fewer frames than a chain are enough when they end
 * where the bytes do and are all of streams that are expected.
 */
export function findFrameBoundary(
  bytes: Uint8Array,
  pieces: readonly number[],
  search: Search,
): Boundary | NoBoundary {
  for (const piece of pieces) {
    if (search.mayPreface && search.direction === TO_SERVER && isPreface(bytes, piece)) {
      return boundary(piece, true);
    }
    const frames = chain(bytes, piece, search, true);
    if (frames > 0) return boundary(piece, false);
    if (frames === UNDECIDED) return { isFound: false, keepFrom: piece };
  }
  let undecided = bytes.length;
  for (let at = 0; at < undecided; at++) {
    const frames = chain(bytes, at, search, false);
    if (frames > 0) return boundary(at, false);
    if (frames === UNDECIDED) undecided = at;
  }
  return { isFound: false, keepFrom: undecided };
}

/**
 * The piece of `bytes` that begins with the HEADERS frame of this stream, or with frames of other types before it; -1 when
 * there is none. Enough where the server answers that stream, of which nothing else is known.
 */
export function findRequest(
  bytes: Uint8Array,
  pieces: readonly number[],
  streamId: number,
  maxFrameSize: number,
): number {
  for (const piece of pieces) {
    for (let at = piece; at + FRAME_HEADER_BYTES <= bytes.length;) {
      if (!isPlausibleHeader(bytes, at, TO_SERVER, maxFrameSize)) break;
      const next = at + FRAME_HEADER_BYTES + readFrameLength(bytes, at);
      if (bytes[at + 3] === FrameType.HEADERS) {
        if (next <= bytes.length && readStreamId(bytes, at + 5) === streamId) return piece;
        break;
      }
      at = next;
    }
  }
  return -1;
}

function isPreface(bytes: Uint8Array, at: number): boolean {
  if (bytes.length - at < CONNECTION_PREFACE.length) return false;
  return CONNECTION_PREFACE.every((byte, i) => bytes[at + i] === byte);
}
