// SPDX-License-Identifier: MIT
/** Writes fields for HPACK by hand, and knows which references its receiver can follow. @module */
import { hpackInteger, join, literal } from "./http2_frames.ts";
import type { Random } from "./random.ts";

const TABLE_BYTES = 4096;
const STATIC_COUNT = 61;

export class HpackWriter {
  /** Sizes of the table's entries, the newest first. */
  readonly #sizes: number[] = [];
  #sizeBytes = 0;

  get hasEntries(): boolean {
    return this.#sizes.length > 0;
  }

  /** `isIndexed`: it goes into the table. */
  literal(name: string, value: string, isIndexed: boolean): Uint8Array<ArrayBuffer> {
    if (isIndexed) this.#insert(name.length + value.length + 32);
    return literal(name, value, isIndexed);
  }

  /** A reference to an entry of the table, so many times. */
  reference(random: Random, times: number): Uint8Array<ArrayBuffer> {
    const index = STATIC_COUNT + 1 + random.below(this.#sizes.length);
    const reference = Uint8Array.from(hpackInteger(index, 7, 0x80));
    return join(...Array.from({ length: times }, () => reference));
  }

  #insert(sizeBytes: number): void {
    this.#sizes.unshift(sizeBytes);
    this.#sizeBytes += sizeBytes;
    while (this.#sizeBytes > TABLE_BYTES) this.#sizeBytes -= this.#sizes.pop()!;
  }
}
