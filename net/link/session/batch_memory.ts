// SPDX-License-Identifier: MIT
/** Copies of batches, in memory that is used again. @module */
import { BATCH_CAPACITY } from "../../forge/packet_batch.ts";

/** Buffers that wait for the next batch: more than are acknowledged at a time. */
const SPARE_MAX = 16;
/** Small batches share memory of this size. */
const CHUNK_BYTES = 64 * 1024;
const SMALL_BYTES = CHUNK_BYTES / 2;

/**
 * Bytes of memory that a copy takes: batches of a busy agent are nearly full, small ones get room for more of them, those
 * between get what they need.
 */
export function memoryFor(lengthBytes: number): number {
  if (lengthBytes <= SMALL_BYTES) return CHUNK_BYTES;
  return lengthBytes > BATCH_CAPACITY / 2 ? Math.max(lengthBytes, BATCH_CAPACITY) : lengthBytes;
}

/**
 * An agent under load copies hundreds of megabytes a second: new memory for each batch would cost it more, in page faults
 * and garbage collections, than the copying.
 */
export class BatchMemory {
  readonly #spare: ArrayBuffer[] = [];
  readonly #spareChunks: ArrayBuffer[] = [];

  /** A copy, the caller's until it is given back. */
  copy(blocks: Uint8Array): Uint8Array<ArrayBuffer> {
    const size = memoryFor(blocks.length);
    const spare = this.#spareOf(size)?.pop();
    const copy = new Uint8Array(spare ?? new ArrayBuffer(size), 0, blocks.length);
    copy.set(blocks);
    return copy;
  }

  /** The copy with more behind it, in the same memory; undefined when that has no room. */
  append(
    { buffer, length }: Uint8Array<ArrayBuffer>,
    blocks: Uint8Array,
  ): Uint8Array<ArrayBuffer> | undefined {
    if (length + blocks.length > buffer.byteLength) return undefined;
    const copy = new Uint8Array(buffer, 0, length + blocks.length);
    copy.set(blocks, length);
    return copy;
  }

  /** The same in no more memory than it needs, where that is worth it. */
  trim(copy: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
    return copy.length < copy.buffer.byteLength / 2 ? copy.slice() : copy;
  }

  /** Takes back what {@linkcode copy} has answered; nobody reads it any more. */
  giveBack({ buffer }: Uint8Array<ArrayBuffer>): void {
    const spare = this.#spareOf(buffer.byteLength);
    if (spare !== undefined && spare.length < SPARE_MAX) spare.push(buffer);
  }

  #spareOf(size: number): ArrayBuffer[] | undefined {
    return size === BATCH_CAPACITY ? this.#spare : size === CHUNK_BYTES ? this.#spareChunks : undefined;
  }
}
