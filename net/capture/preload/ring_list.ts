// SPDX-License-Identifier: MIT
/**
 * The rings that are read, and which of them have something. Of rings at rest one word each is looked at, in a list of its own: the
 * way to it through the objects of a ring takes six cache lines of each, which was most of what 10,000 rings cost at rest.
 *
 * @module
 */
import { RING } from "../record/layout.ts";
import type { ProgramRing } from "./program_ring.ts";
import { SEQUENCE_MASK } from "./ring_word.ts";

const HEAD_WORD = RING.head >> 2;
/** Stands for a head that a ring cannot have. */
const UNKNOWN = -1;

export class RingList implements Iterable<ProgramRing> {
  readonly #rings: ProgramRing[] = [];
  /** Header of each ring. */
  readonly #headers: Int32Array[] = [];
  /** The number of the last record of each ring, when it was read and nothing else was to be done. */
  readonly #restedAt: number[] = [];

  get length(): number {
    return this.#rings.length;
  }

  [Symbol.iterator](): Iterator<ProgramRing> {
    return this.#rings[Symbol.iterator]();
  }

  /** `header` is a view of the ring's first page that stays until {@linkcode move} or {@linkcode remove}. */
  add(ring: ProgramRing, header: Int32Array): void {
    this.#rings.push(ring);
    this.#headers.push(header);
    this.#restedAt.push(UNKNOWN);
  }

  /** The header of a ring is to be seen elsewhere from now on. */
  move(ring: ProgramRing, header: Int32Array): void {
    this.#headers[this.#rings.indexOf(ring)] = header;
  }

  remove(ring: ProgramRing): void {
    const at = this.#rings.indexOf(ring);
    for (const list of [this.#rings, this.#headers, this.#restedAt]) list.splice(at, 1);
  }

  /** Calls `use` for every ring in which there is something to be read or to be done. */
  due(use: (ring: ProgramRing) => void): void {
    const headers = this.#headers;
    for (let at = 0; at < headers.length; at++) {
      const last = Atomics.load(headers[at], HEAD_WORD) & SEQUENCE_MASK;
      if (last === this.#restedAt[at]) continue;
      const ring = this.#rings[at];
      if (ring.isDue) use(ring);
      else this.#restedAt[at] = last;
    }
  }

  /** Gives back what idle rings do not need, and finds those whose writer has gone. */
  rest(nowMs: number): void {
    for (let at = 0; at < this.#rings.length; at++) {
      const ring = this.#rings[at];
      ring.rest(nowMs);
      if (ring.gone) this.#restedAt[at] = UNKNOWN;
    }
  }
}
