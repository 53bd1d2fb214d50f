// SPDX-License-Identifier: MIT
/**
 * Header blocks on their way: a HEADERS or PUSH_PROMISE frame and the CONTINUATION frames behind it
 * (RFC 9113, section 4.3).
 *
 * @module
 */

/**
 * Compressed bytes of one block that are kept. Go takes lists of 1 MiB, Chrome and Node of 256 KiB, others less, and Huffman only
 * shortens: who takes more is told of the beginning.
 */
export const DEFAULT_MAX_BLOCK_BYTES: number = 1024 * 1024;

/**
 * CONTINUATION frames of one block. What they carry is bounded by the block's bytes, so that their number is one of time
 * only. nghttp2 stops at 8, but nginx takes any number up to 32 KiB of fields: twice as many as a list of that size has bytes.
 */
export const DEFAULT_MAX_CONTINUATIONS: number = 64 * 1024;

export interface BlockOwner {
  /** Stream whose frames they are. */
  streamId: number;
  /** Promised stream, 0 for HEADERS. */
  promisedId: number;
  endStream: boolean;
}

/**
 * ```
 * CLOSED ──begin──▶ OPEN ──over the bound──▶ CUT
 *   ▲                │                        │
 *   │                └─────part missing───────┴─▶ LOST
 *   └──────────────────close, from every state─────┘
 * ```
 */
export const BlockState = {
  /** No block is at hand; no memory is held. */
  CLOSED: 0,
  /** Every byte so far is kept. */
  OPEN: 1,
  /** What is kept is only the block's beginning. */
  CUT: 2,
  /** A part is missing: the block cannot be decoded. */
  LOST: 3,
} as const;
export type BlockState = typeof BlockState[keyof typeof BlockState];

/** What is left of a block where memory is short: what servers that are not set otherwise take. */
const BEGINNING_BYTES = 16 * 1024;

const NO_BYTES = new Uint8Array(0);

/** The block that is being put together. */
export class HeaderBlock {
  readonly owner: BlockOwner = { streamId: 0, promisedId: 0, endStream: false };
  state: BlockState = BlockState.CLOSED;
  /** What is kept, in its first `lengthBytes`. */
  bytes = NO_BYTES;
  lengthBytes = 0;
  #continuations = 0;

  constructor(readonly maxBytes: number, readonly maxContinuations: number) {}

  begin(): void {
    this.state = BlockState.OPEN;
    this.#continuations = 0;
  }

  /** Copies a fragment, or what of it there is room for. */
  append(bytes: Uint8Array, start: number, end: number): void {
    if (this.state !== BlockState.OPEN) return;
    const room = this.#continuations > this.maxContinuations ? 0 : this.maxBytes - this.lengthBytes;
    if (end - start > room) {
      this.state = BlockState.CUT;
      end = start + room;
    }
    const needed = this.lengthBytes + end - start;
    if (needed > this.bytes.length) {
      const grown = new Uint8Array(Math.min(this.maxBytes, Math.max(1024, 2 * needed)));
      grown.set(this.bytes.subarray(0, this.lengthBytes));
      this.bytes = grown;
    }
    this.bytes.set(bytes.subarray(start, end), this.lengthBytes);
    this.lengthBytes = needed;
  }

  /** Memory of what is not the beginning. */
  get excessBytes(): number {
    return Math.max(0, this.bytes.length - BEGINNING_BYTES);
  }

  /** Keeps no more than the beginning. */
  giveWay(): void {
    if (this.excessBytes === 0) return;
    if (this.state === BlockState.OPEN && this.lengthBytes > BEGINNING_BYTES) this.state = BlockState.CUT;
    this.bytes = this.bytes.slice(0, BEGINNING_BYTES);
    this.lengthBytes = Math.min(this.lengthBytes, BEGINNING_BYTES);
  }

  /** A CONTINUATION frame begins. */
  continue(): void {
    this.#continuations++;
  }

  /** A fragment of the block at hand, if there is one, is missing. */
  lose(): void {
    if (this.state !== BlockState.CLOSED) this.state = BlockState.LOST;
    this.#release();
  }

  close(): void {
    this.state = BlockState.CLOSED;
    this.#release();
  }

  #release(): void {
    this.bytes = NO_BYTES;
    this.lengthBytes = 0;
  }
}
