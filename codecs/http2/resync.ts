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
import type { Direction } from "../codec.ts";
import {
  CONNECTION_PREFACE,
  FRAME_HEADER_BYTES,
  FrameType,
  isPlausibleHeader,
  readStreamId,
} from "./frame.ts";

/** Headers in a row, each where the one before says, that make any offset a boundary. */
const CHAIN = 3;

/** The chain is right as far as the bytes go, but they do not go far enough. */
const UNDECIDED = -1;
const NO_CHAIN = 0;

/** Follows frames from `at`: how many headers fit, when they are enough. */
function chain(
  bytes: Uint8Array,
  at: number,
  end: number,
  direction: Direction,
  maxFrameSize: number,
  atStart: boolean,
  isExpected: (streamId: number) => boolean,
) {
  let expected = true;
  for (let frames = 1;; frames++) {
    if (at + FRAME_HEADER_BYTES > end) return UNDECIDED;
    if (!isPlausibleHeader(bytes, at, direction, maxFrameSize)) return NO_CHAIN;
    expected &&= isExpected(readStreamId(bytes, at + 5));
    at += FRAME_HEADER_BYTES + (bytes[at] << 16 | bytes[at + 1] << 8 | bytes[at + 2]);
    if (frames >= CHAIN) return frames;
    // A whole number of frames in one piece of clear text.
    if (at === end && expected && (atStart || frames >= 2)) return frames;
    if (at > end) return UNDECIDED;
  }
}

export type Resync =
  /** A frame begins at `at` (or the connection preface, when `preface`). */
  | { readonly found: true; readonly at: number; readonly preface: boolean }
  /** Bytes before `keepFrom` are no use any more. */
  | { readonly found: false; readonly keepFrom: number };

/**
 * Looks for a boundary in `bytes[0, end)`. `pieces` are the offsets at which pieces of clear text began, ascending.
 * A piece that begins with a plausible but unfinished chain is waited for. Fewer frames than a chain are enough when they end
 * where the bytes do and are all of streams that `isExpected`.
 */
export function findFrameBoundary(
  bytes: Uint8Array,
  end: number,
  pieces: readonly number[],
  direction: Direction,
  maxFrameSize: number,
  isExpected: (streamId: number) => boolean = () => true,
  mayPreface = true,
): Resync {
  let undecided = end;
  for (const piece of pieces) {
    if (mayPreface && direction === 0 && isPreface(bytes, piece, end)) {
      return { found: true, at: piece, preface: true };
    }
    const frames = chain(bytes, piece, end, direction, maxFrameSize, true, isExpected);
    if (frames > 0) return { found: true, at: piece, preface: false };
    if (frames === UNDECIDED) return { found: false, keepFrom: piece };
  }
  for (let at = 0; at < undecided; at++) {
    const frames = chain(bytes, at, end, direction, maxFrameSize, false, isExpected);
    if (frames > 0) return { found: true, at, preface: false };
    if (frames === UNDECIDED) undecided = at;
  }
  return { found: false, keepFrom: undecided };
}

/**
 * The piece in `bytes[0, end)` that begins with the HEADERS frame of this stream, or with frames of other types before it; -1 when
 * there is none. Enough where the server answers that stream, of which nothing else is known.
 */
export function findRequest(
  bytes: Uint8Array,
  end: number,
  pieces: readonly number[],
  streamId: number,
  maxFrameSize: number,
): number {
  for (const piece of pieces) {
    for (let at = piece; at + FRAME_HEADER_BYTES <= end && isPlausibleHeader(bytes, at, 0, maxFrameSize);) {
      const next = at + FRAME_HEADER_BYTES + (bytes[at] << 16 | bytes[at + 1] << 8 | bytes[at + 2]);
      if (bytes[at + 3] === FrameType.HEADERS) {
        if (next <= end && readStreamId(bytes, at + 5) === streamId) return piece;
        break;
      }
      at = next;
    }
  }
  return -1;
}

function isPreface(bytes: Uint8Array, at: number, end: number): boolean {
  if (end - at < CONNECTION_PREFACE.length) return false;
  return CONNECTION_PREFACE.every((byte, i) => bytes[at + i] === byte);
}
