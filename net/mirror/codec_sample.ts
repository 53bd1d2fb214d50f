// SPDX-License-Identifier: MIT
/**
 * The first bytes of a flow, kept until a codec has decided about it: one log of all pieces of both directions, so that
 * what a flow holds is bounded by the bytes it sent and not by how small it cut them.
 *
 * @module
 */
import type { Direction } from "../../codecs/codec.ts";

/** Bytes kept of both directions together; then the codec must decide. */
const SAMPLE_MAX_BYTES = 64 * 1024;
/** Pieces kept; a codec has to decide then, too. At 32 bytes on average, less than the smallest record that carries something. */
const PIECES_MAX = 2048;
/** Up to here a codec is asked at every piece: what tells protocols apart is mostly in these. */
const ALWAYS_ASKED_BYTES = 64;

/** One piece of clear text. */
export interface SamplePiece {
  readonly direction: Direction;
  readonly bytes: Uint8Array;
}

/** A growing sample of one flow. */
export class CodecSampleLog {
  #bytes = new Uint8Array(0);
  #lengthBytes = 0;
  /** Lengths of the pieces; negative for those to the client. */
  #pieces = new Int32Array(0);
  #timesNs = new Float64Array(0);
  #count = 0;
  readonly #directionBytes: [number, number] = [0, 0];
  #askAtBytes = 1;

  get isEmpty(): boolean {
    return this.#count === 0;
  }

  /** What it takes of memory. */
  get heldBytes(): number {
    return this.#bytes.length + this.#pieces.byteLength + this.#timesNs.byteLength;
  }

  /** Takes a copy of the piece, or nothing and answers no: the sample is complete. */
  add(direction: Direction, piece: Uint8Array, timeNs: number): boolean {
    const needed = this.#lengthBytes + piece.length;
    if (needed >= SAMPLE_MAX_BYTES || this.#count === PIECES_MAX) return false;
    if (needed > this.#bytes.length) this.#growBytes(needed);
    if (this.#count === this.#pieces.length) this.#growPieces();
    this.#bytes.set(piece, this.#lengthBytes);
    this.#pieces[this.#count] = direction === 0 ? piece.length : -piece.length;
    this.#timesNs[this.#count++] = timeNs;
    this.#directionBytes[direction] += piece.length;
    this.#lengthBytes = needed;
    return true;
  }

  /**
   * Whether there is so much more than when it was last asked for that asking again pays: twice as much, so that all
   * asking together costs a constant factor of looking at the whole once. Answers yes once.
   */
  get isDue(): boolean {
    if (this.#lengthBytes < this.#askAtBytes) return false;
    this.#askAtBytes = this.#lengthBytes < ALWAYS_ASKED_BYTES ? 0 : 2 * this.#lengthBytes;
    return true;
  }

  /** All of one direction, made anew; with `last` behind it when that is of this direction, up to the bound. */
  direction(direction: Direction, last?: SamplePiece): Uint8Array {
    const room = SAMPLE_MAX_BYTES - this.#lengthBytes;
    const tail = last?.direction === direction ? last.bytes.subarray(0, room) : undefined;
    const joined = new Uint8Array(this.#directionBytes[direction] + (tail?.length ?? 0));
    let at = 0;
    this.replay((of, bytes) => {
      if (of !== direction) return;
      joined.set(bytes, at);
      at += bytes.length;
    });
    if (tail) joined.set(tail, at);
    return joined;
  }

  /** Gives all pieces as they came; the bytes are lent for the call. */
  replay(use: (direction: Direction, bytes: Uint8Array, timeNs: number) => void): void {
    for (let index = 0, at = 0; index < this.#count; index++) {
      const length = Math.abs(this.#pieces[index]);
      use(this.#pieces[index] > 0 ? 0 : 1, this.#bytes.subarray(at, at + length), this.#timesNs[index]);
      at += length;
    }
  }

  #growBytes(neededBytes: number): void {
    const grown = new Uint8Array(Math.min(SAMPLE_MAX_BYTES, Math.max(neededBytes, 2 * this.#bytes.length)));
    grown.set(this.#bytes.subarray(0, this.#lengthBytes));
    this.#bytes = grown;
  }

  #growPieces(): void {
    const room = Math.min(PIECES_MAX, Math.max(4, 2 * this.#count));
    const pieces = new Int32Array(room), timesNs = new Float64Array(room);
    pieces.set(this.#pieces);
    timesNs.set(this.#timesNs);
    this.#pieces = pieces;
    this.#timesNs = timesNs;
  }
}
