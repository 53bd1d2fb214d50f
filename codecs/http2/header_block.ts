// SPDX-License-Identifier: MIT
/**
 * Header blocks on their way: a HEADERS or PUSH_PROMISE frame and the CONTINUATION frames behind it
 * (RFC 9113, section 4.3).
 *
 * @module
 */

/**
 * Compressed bytes of one block that are kept. Chrome and Node take lists of 256 KiB at most, and Huffman only shortens, so that
 * they refuse a longer block; Go takes 1 MiB, of which the beginning is told.
 */
export const DEFAULT_MAX_BLOCK_BYTES = 256 * 1024;

/**
 * CONTINUATION frames of one block. What they carry is bounded by the block's bytes, so that their number is one of time
 * only. nghttp2 stops at 8, but nginx takes any number up to 32 KiB of fields: twice as many as such a list has bytes.
 */
export const DEFAULT_MAX_CONTINUATIONS: number = 64 * 1024;

export interface BlockOwner {
  /** Stream whose frames they are. */
  streamId: number;
  /** Promised stream, 0 for HEADERS. */
  promisedId: number;
  endStream: boolean;
}

/** The block that is being put together; no memory is held between blocks. */
export class HeaderBlock {
  readonly owner: BlockOwner = { streamId: 0, promisedId: 0, endStream: false };
  open = false;
  /** Something is missing: the block cannot be decoded. */
  lost = false;
  /** The bound was passed: what is kept is only its beginning. */
  cut = false;
  bytes = new Uint8Array(0);
  lengthBytes = 0;
  #continuations = 0;

  constructor(readonly maxBytes: number, readonly maxContinuations: number) {}

  begin(): void {
    this.open = true;
    this.lost = this.cut = false;
    this.#continuations = 0;
  }

  /** Copies a fragment, or what of it there is room for. */
  append(bytes: Uint8Array, start: number, end: number): void {
    if (this.lost || this.cut) return;
    const room = this.#continuations > this.maxContinuations ? 0 : this.maxBytes - this.lengthBytes;
    if (end - start > room) {
      this.cut = true;
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

  /** A CONTINUATION frame begins. */
  continue(): void {
    this.#continuations++;
  }

  drop(): void {
    this.lost = true;
    this.#release();
  }

  close(): void {
    this.open = false;
    this.#release();
  }

  #release(): void {
    this.bytes = new Uint8Array(0);
    this.lengthBytes = 0;
  }
}
