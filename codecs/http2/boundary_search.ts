// SPDX-License-Identifier: MIT
/**
 * The bytes in which a direction's next frame boundary is looked for: what is kept of them, and when there is none to be found.
 *
 * @module
 */
import type { Direction } from "../direction.ts";
import { type Boundary, findFrameBoundary, findRequest } from "./resync.ts";

/** Room for three frames of the default maximum and their headers: the chain that proves a boundary. */
const WINDOW_BYTES = 64 * 1024;
/** So much without any boundary is no HTTP/2: 64 frames of the default maximum. */
const GIVE_UP_BYTES = 1024 * 1024;
/** Pieces whose starts are remembered while looking; others are found by their chain. */
const MAX_PIECES = 64;

const NO_BYTES = new Uint8Array(0);

/** A boundary is at `bytes[at]`; `skippedBytes` were passed over to find it. Frames go on to the end of `bytes`. */
export interface FoundBoundary extends Boundary {
  readonly bytes: Uint8Array;
  readonly skippedBytes: number;
}

export class BoundarySearch {
  /** Bytes in which a boundary may lie. */
  #kept: Uint8Array = NO_BYTES;
  /** Where pieces of clear text begin in them, ascending. */
  #pieces: number[] = [];
  /** Bytes before them in which there is none. */
  #skippedBytes = 0;
  /** No frame of this direction was ever read. */
  #isBeginning: boolean;

  /** `isExpected`: whether a frame of this stream is no surprise where frames begin again. */
  constructor(
    readonly direction: Direction,
    joinedLate: boolean,
    readonly isExpected: (streamId: number) => boolean,
  ) {
    this.#isBeginning = joinedLate;
  }

  /** Bytes in which no boundary has been found so far. */
  get unsyncedBytes(): number {
    return this.#skippedBytes + this.#kept.length;
  }

  /** Whether so much was passed over that the search is to be given up. */
  get isHopeless(): boolean {
    return this.#skippedBytes > GIVE_UP_BYTES;
  }

  /** How many of the next bytes fit; always some. */
  get roomBytes(): number {
    return WINDOW_BYTES - this.#kept.length;
  }

  /** Looks on in `bytes[start, end)`, a piece of clear text or the next part of one, for which there is room. */
  look(bytes: Uint8Array, start: number, end: number, maxFrameSize: number): FoundBoundary | undefined {
    if (this.#pieces.length < MAX_PIECES) this.#pieces.push(this.#kept.length);
    const joined = new Uint8Array(this.#kept.length + end - start);
    joined.set(this.#kept);
    joined.set(bytes.subarray(start, end), this.#kept.length);
    const found = findFrameBoundary(joined, this.#pieces, {
      direction: this.direction,
      maxFrameSize,
      // Of a flow that was joined late nothing is known; a connection of which something was read has had its preface.
      isExpected: this.#isBeginning ? () => true : this.isExpected,
      mayPreface: this.#isBeginning,
    });
    if (found.isFound) return this.#found(joined, found);
    // A candidate that is not decided with the window full never is.
    const keepFrom = joined.length < WINDOW_BYTES
      ? found.keepFrom
      : Math.max(found.keepFrom, WINDOW_BYTES / 2);
    this.#kept = joined.slice(keepFrom);
    this.#skippedBytes += keepFrom;
    this.#pieces = this.#pieces.filter((piece) => piece >= keepFrom).map((piece) => piece - keepFrom);
    return undefined;
  }

  /** The server answers this stream: its request may be among what is kept. */
  lookForRequest(streamId: number, maxFrameSize: number): FoundBoundary | undefined {
    const at = findRequest(this.#kept, this.#pieces, streamId, maxFrameSize);
    return at < 0 ? undefined : this.#found(this.#kept, { isFound: true, at, isPreface: false });
  }

  /** Bytes are missing behind what is kept: no boundary can be proved by it any more. */
  restart(): void {
    this.#skippedBytes += this.#kept.length;
    this.release();
  }

  /** Gives up what is kept, and returns it. */
  release(): Uint8Array {
    const kept = this.#kept;
    this.#kept = NO_BYTES;
    this.#pieces = [];
    return kept;
  }

  #found(bytes: Uint8Array, boundary: Boundary): FoundBoundary {
    const skippedBytes = this.#skippedBytes + boundary.at;
    this.release();
    this.#skippedBytes = 0;
    this.#isBeginning = false;
    return { ...boundary, bytes, skippedBytes };
  }
}
