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
      refit: (memory, bytesBefore) => {
        const size = this.#sizeFor(link, bytesBefore);
        if (memory.length === size) return memory;
        this.giveBack(memory);
        return this.#take(size);
      },
      giveBack: (memory) => this.giveBack(memory),
    };
  }

  /** Takes back a buffer that was kept. */
  giveBack(memory: Uint8Array<ArrayBuffer>): void {
    if (memory.length === LARGE_BYTES) {
      if (this.#large.length < SPARE_LARGE_MAX && this.#busy.size > 0) this.#large.push(memory);
    } else if (memory.length === LINK_BLOCK_MAX && this.#small.length < SPARE_SMALL_MAX) {
      this.#small.push(memory);
    }
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
