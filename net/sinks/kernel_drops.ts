// SPDX-License-Identifier: MIT
/** Frames that the kernel took for an interface and then dropped: what sending did not tell. @module */

/**
 * Counts them by what the kernel counts for the interface. Others that send on it are in that count too, so that no more are
 * found than were sent; what the kernel refused at once, and may have counted as well, is left out.
 */
export class KernelDrops {
  /** The kernel's count when the interface was opened. */
  readonly #before: number;
  #taken = 0;
  #refused = 0;
  #found = 0;

  constructor(before: number) {
    this.#before = before;
  }

  /** The kernel took so many frames. */
  took(frames: number): void {
    this.#taken += frames;
  }

  /** The kernel would not take a frame, so many times. */
  refused(times: number): void {
    this.#refused += times;
  }

  /** Frames that are known to be dropped now and were not before, out of the kernel's count. */
  find(droppedFrames: number): number {
    const all = Math.min(this.#taken, Math.max(0, droppedFrames - this.#before - this.#refused));
    const more = Math.max(0, all - this.#found);
    this.#found += more;
    return more;
  }
}
