/**
 * Finding a frame boundary in a direction whose start, or a part of which, was not seen.
 *
 * Frames mostly begin where a TLS record begins, so the first byte of each piece of clear text is tried first, and
 * then every other offset with a stronger demand. A peer that knows where a flow was joined could put bytes that look
 * like frames into a body: what comes from a flow that was joined late or had gaps is as sure as that.
 *
 * @module
 */
import type { Direction } from "../codec.ts";
import { CONNECTION_PREFACE, FRAME_HEADER_BYTES, isPlausibleHeader } from "./frame.ts";

/** Headers in a row, each where the one before says, that make an offset inside a piece a boundary. */
const CHAIN_INSIDE = 3;

/** The chain is right as far as the bytes go, but they do not go far enough. */
const UNDECIDED = -1;
const NO_CHAIN = 0;

/** Follows frames from `at`: how many headers fit and whether the last frame ends exactly at `end`. */
function chain(
  bytes: Uint8Array,
  at: number,
  end: number,
  direction: Direction,
  maxFrameSize: number,
  atStart: boolean,
) {
  for (let frames = 1;; frames++) {
    if (at + FRAME_HEADER_BYTES > end) return UNDECIDED;
    if (!isPlausibleHeader(bytes, at, direction, maxFrameSize)) return NO_CHAIN;
    at += FRAME_HEADER_BYTES + (bytes[at] << 16 | bytes[at + 1] << 8 | bytes[at + 2]);
    if (frames >= CHAIN_INSIDE) return frames;
    // A whole number of frames in one piece of clear text.
    if (at === end && (atStart || frames >= 2)) return frames;
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
 * A piece that begins with a plausible but unfinished chain is waited for.
 */
export function findFrameBoundary(
  bytes: Uint8Array,
  end: number,
  pieces: readonly number[],
  direction: Direction,
  maxFrameSize: number,
): Resync {
  let undecided = end;
  for (const piece of pieces) {
    if (direction === 0 && isPreface(bytes, piece, end)) return { found: true, at: piece, preface: true };
    const frames = chain(bytes, piece, end, direction, maxFrameSize, true);
    if (frames > 0) return { found: true, at: piece, preface: false };
    if (frames === UNDECIDED) return { found: false, keepFrom: piece };
  }
  for (let at = 0; at < undecided; at++) {
    const frames = chain(bytes, at, end, direction, maxFrameSize, false);
    if (frames > 0) return { found: true, at, preface: false };
    if (frames === UNDECIDED) undecided = at;
  }
  return { found: false, keepFrom: undecided };
}

function isPreface(bytes: Uint8Array, at: number, end: number): boolean {
  if (end - at < CONNECTION_PREFACE.length) return false;
  return CONNECTION_PREFACE.every((byte, i) => bytes[at + i] === byte);
}
