// SPDX-License-Identifier: MIT
/** How many bytes of header lists one connection may have decoded. @module */

/**
 * References to long fields of the table make a list of 240 KiB from 24 bytes. So a connection has `BURST_BYTES` of lists, and
 * `BYTES_PER_BYTE` more for each byte that comes, up to `BURST_BYTES` again; lists of more than `LEAST_BYTES` have to fit.
 * Browsers, with cookies of a few KiB in every request, send no list that long.
 */
const BURST_BYTES = 512 * 1024;
const BYTES_PER_BYTE = 64;
const LEAST_BYTES = 16 * 1024;

export class ListBudget {
  #leftBytes = BURST_BYTES;

  /** `maxListBytes` bounds every single list. */
  constructor(readonly maxListBytes: number) {}

  /** Bound of the next header list. */
  get limitBytes(): number {
    return Math.min(this.maxListBytes, Math.max(LEAST_BYTES, this.#leftBytes));
  }

  /** So many bytes of the connection came. */
  earn(lengthBytes: number): void {
    this.#leftBytes = Math.min(BURST_BYTES, this.#leftBytes + BYTES_PER_BYTE * lengthBytes);
  }

  /** A header list of so many bytes was decoded. */
  spend(sizeBytes: number): void {
    this.#leftBytes = Math.max(0, this.#leftBytes - sizeBytes);
  }
}
