// SPDX-License-Identifier: MIT
/**
 * How many lost bytes a program is believed to tell of. Its counters and gaps are its own word; the processor time that it has
 * used is the kernel's, and nothing passes a TLS library for free.
 *
 * @module
 */
import { processorSeconds } from "./process_facts.ts";

/** Believed of any program: one that was gone before anybody could look. */
const FREE_BYTES = 1 << 30;
/** More than a processor encrypts. */
const BYTES_PER_SECOND = 8e9;

export class LossAllowance {
  readonly #pid: number;
  #bytes = FREE_BYTES;

  constructor(pid: number) {
    this.#pid = pid;
  }

  /** Whether the program can have lost so many bytes in all. */
  admits(bytes: number): boolean {
    if (bytes > this.#bytes) this.#look();
    return bytes <= this.#bytes;
  }

  /** `bytes`, but no more than can be. */
  cap(bytes: number): number {
    return this.admits(bytes) ? bytes : this.#bytes;
  }

  #look(): void {
    const seconds = processorSeconds(this.#pid);
    if (seconds !== undefined) {
      this.#bytes = Math.max(this.#bytes, FREE_BYTES + seconds * BYTES_PER_SECOND);
    }
  }
}
