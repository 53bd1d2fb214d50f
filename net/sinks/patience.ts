// SPDX-License-Identifier: MIT
/** How long those who write may be kept by those who read. @module */

/** For one batch. */
const BATCH_MS = 20;
/** At most together, where nobody was waited for in a while. */
const SAVED_MS = 500;
/** Of the time that passes: so much of it may be spent on a reader that is slower than what comes. */
const SHARE = 0.25;

/**
 * A reader that was away for a moment is waited for; one that is always slower costs everything else a quarter of its time at
 * most, and then loses packets.
 */
export class Patience {
  #leftMs: number;
  #atMs: number;
  readonly #savedMs: number;
  readonly #now: () => number;

  /** `savedMs`: {@linkcode SAVED_MS} when absent. */
  constructor(savedMs: number = SAVED_MS, now: () => number = () => performance.now()) {
    this.#savedMs = this.#leftMs = savedMs;
    this.#now = now;
    this.#atMs = now();
  }

  /** Milliseconds that may be waited now. */
  get batchMs(): number {
    const now = this.#now();
    this.#leftMs = Math.min(this.#savedMs, this.#leftMs + SHARE * (now - this.#atMs));
    this.#atMs = now;
    return Math.max(0, Math.min(this.#savedMs / SAVED_MS * BATCH_MS, this.#leftMs));
  }

  /** So many were waited. */
  spend(ms: number): void {
    this.#leftMs -= ms;
  }
}
