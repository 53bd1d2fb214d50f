// SPDX-License-Identifier: MIT
/** Small buffers used again: most heads and bodies fit one, and a new buffer costs more than what it is for. @module */

/** Above the heads that browsers and servers send (0.5 to 1.5 KB). */
const BUFFER_BYTES = 2048;
/** Kept for use: half a MiB for all flows of a codec. */
const MAX_FREE = 256;

export class BytePool {
  readonly #free: Uint8Array[] = [];

  /** A buffer of at least `lengthBytes`, with anything in it. */
  take(lengthBytes: number): Uint8Array {
    if (lengthBytes > BUFFER_BYTES) return new Uint8Array(lengthBytes);
    return this.#free.pop() ?? new Uint8Array(BUFFER_BYTES);
  }

  /** Takes a buffer back that nobody uses any more. One that never came from here is let go. */
  give(buffer: Uint8Array): void {
    if (buffer.length === BUFFER_BYTES && this.#free.length < MAX_FREE) this.#free.push(buffer);
  }
}
