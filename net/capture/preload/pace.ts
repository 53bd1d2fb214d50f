// SPDX-License-Identifier: MIT
/**
 * When the agent looks again: one timer that lives long, since each new one costs more than the look.
 *
 * @module
 */
export class Pace {
  #periodMs = 0;
  #timer: ReturnType<typeof setInterval> | undefined;
  #wake: (() => void) | undefined;

  /** Resolves at the next beat of `periodMs`, or when interrupted. One may wait at a time. */
  next(periodMs: number): Promise<void> {
    if (periodMs !== this.#periodMs) {
      clearInterval(this.#timer);
      this.#periodMs = periodMs;
      this.#timer = setInterval(() => this.interrupt(), periodMs);
    }
    return new Promise((resolve) => this.#wake = resolve);
  }

  interrupt(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }

  close(): void {
    clearInterval(this.#timer);
    this.interrupt();
  }
}
