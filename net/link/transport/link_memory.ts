// SPDX-License-Identifier: MIT
/** Memory that the packets of one thread's connections are received into. @module */
import { LINK_BLOCK_MAX } from "../blocks/link.ts";
import type { ReaderMemory } from "../blocks/link_reader.ts";

/** Buffer of a busy connection: what it costs to hand on a run of packets does not depend on its length. */
const LARGE_BYTES = 8 * LINK_BLOCK_MAX;
/** Bytes of packets at a time from which a connection is busy. */
const BUSY_BYTES = LINK_BLOCK_MAX / 2;
/** Busy connections that get large buffers; when there are more, none does. */
const LARGE_LINKS_MAX = 4;
/** Buffers kept for the next connection that needs one. */
const SPARE_SMALL_MAX = 32;
const SPARE_LARGE_MAX = 8;

/**
 * Buffers of two sizes. All that connections hold is bounded: {@linkcode LinkMemory.waitingMax} runs of each and its
 * reader's buffer, large ones of a few at most.
 */
export class LinkMemory {
  readonly #busy = new Set<number>();
  readonly #small: Uint8Array<ArrayBuffer>[] = [];
  readonly #large: Uint8Array<ArrayBuffer>[] = [];

  /** Runs of packets and messages of one connection that may be unanswered. */
  get waitingMax(): number {
    return this.#busy.size > LARGE_LINKS_MAX ? 2 : 4;
  }

  /** For the reader of connection `link`. */
  of(link: number): ReaderMemory {
    return {
      take: (bytesBefore) => this.#take(this.#sizeFor(link, bytesBefore)),
      giveBack: (memory) => this.giveBack(memory),
    };
  }

  /** Takes back a buffer that is of no use any more; frees it now, not at a garbage collection, where there are enough. */
  giveBack(memory: Uint8Array<ArrayBuffer>): void {
    const [spare, most] = this.#sparesOf(memory.length);
    if (spare.length < most) spare.push(memory);
    else memory.buffer.transfer(0);
  }

  #sparesOf(size: number): [spare: Uint8Array<ArrayBuffer>[], most: number] {
    if (size === LARGE_BYTES) return [this.#large, this.#busy.size > 0 ? SPARE_LARGE_MAX : 0];
    return [this.#small, size === LINK_BLOCK_MAX ? SPARE_SMALL_MAX : 0];
  }

  /** The connection is no more. */
  forget(link: number): void {
    this.#busy.delete(link);
  }

  #sizeFor(link: number, bytesBefore: number): number {
    if (bytesBefore < BUSY_BYTES) {
      this.#busy.delete(link);
      if (this.#busy.size === 0) this.#large.length = 0;
      return LINK_BLOCK_MAX;
    }
    this.#busy.add(link);
    return this.#busy.size > LARGE_LINKS_MAX ? LINK_BLOCK_MAX : LARGE_BYTES;
  }

  #take(size: number): Uint8Array<ArrayBuffer> {
    return (size === LARGE_BYTES ? this.#large : this.#small).pop() ?? new Uint8Array(size);
  }
}
