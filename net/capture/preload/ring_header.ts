// SPDX-License-Identifier: MIT
/** What reader and producers of a ring tell each other in its first page, besides where they are. @module */
import { counterOf, RETIRED, RING } from "../record/layout.ts";

const TWO_32 = 2 ** 32;

/** All that is read here is the program's word, also what the reader has written: it can write that too. */
export class RingHeader {
  #words!: Int32Array;

  /** Goes on in another view of the same memory, from the ring's first byte; to be called before anything else. */
  remap(words: Int32Array): void {
    this.#words = words;
  }

  /** Who has the ring: a thread id of its own pid namespace. */
  get owner(): number {
    return Atomics.load(this.#words, RING.owner >> 2) >>> 0;
  }

  /** A counter, `RING.droppedBytes` and those behind it. */
  counter(offset: number): number {
    return counterOf(Atomics.load(this.#words, offset >> 2), Atomics.load(this.#words, (offset >> 2) + 1));
  }

  /** A time, nanoseconds since 1970 and not exact; 0 is none. */
  clock(offset: number): number {
    const low = Atomics.load(this.#words, offset >> 2) >>> 0;
    return (Atomics.load(this.#words, (offset >> 2) + 1) >>> 0) * TWO_32 + low;
  }

  /** Bytes of data area that producers may use. */
  get grantedData(): number {
    return Atomics.load(this.#words, RING.grantedData >> 2) >>> 0;
  }

  /** Slots that producers may use. */
  get grantedSlots(): number {
    return Atomics.load(this.#words, RING.grantedSlots >> 2) >>> 0;
  }

  /** Sets what producers may use from now on. */
  grant(dataBytes: number, slots: number): void {
    Atomics.store(this.#words, RING.grantedData >> 2, dataBytes);
    Atomics.store(this.#words, RING.grantedSlots >> 2, slots);
  }

  /** Tells producers whether anything of their process may be wanted: where not, they need not copy what passes. */
  want(isWanted: boolean): void {
    const [from, to] = isWanted ? [RETIRED.unwanted, 0] : [0, RETIRED.unwanted];
    Atomics.compareExchange(this.#words, RING.retired >> 2, from, to);
  }

  /** Tells producers that nobody reads here any more, and whether their process may make another ring. */
  stop(how: number = RETIRED.forGood): void {
    Atomics.store(this.#words, RING.retired >> 2, how);
  }

  /** Tells producers that another reader goes on here: their flows are to be opened again. */
  takeOver(): void {
    Atomics.add(this.#words, RING.generation >> 2, 1);
  }

  /** Makes the ring spare; nothing else is changed but what was said of the process that had it. */
  spare(): void {
    this.want(true);
    Atomics.store(this.#words, RING.owner >> 2, 0);
  }
}
