// SPDX-License-Identifier: MIT
/**
 * When a source looks again: one timer that lives long, since each new one costs more than the look.
 *
 * @module
 */
import { setImmediate } from "node:timers";

/** Lets everything else that waits for the event loop go first. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

export class Pace {
  readonly #isDue: () => boolean;
  #periodMs = 0;
  #timer: ReturnType<typeof setInterval> | undefined;
  #waiting: PromiseWithResolvers<void> | undefined;

  /** `isDue` looks whether there is something to do; it is called at each beat for which somebody waits. */
  constructor(isDue: () => boolean) {
    this.#isDue = isDue;
  }

  /**
   * Resolves at the next beat of `periodMs` at which something is due, or when interrupted; rejects with what `isDue` throws. One
   * may wait at a time.
   */
  next(periodMs: number): Promise<void> {
    if (periodMs !== this.#periodMs) {
      clearInterval(this.#timer);
      this.#periodMs = periodMs;
      this.#timer = setInterval(() => this.#beat(), periodMs);
    }
    this.#waiting = Promise.withResolvers();
    return this.#waiting.promise;
  }

  #beat(): void {
    if (this.#waiting === undefined) return;
    try {
      if (this.#isDue()) this.interrupt();
    } catch (error) {
      this.#waiting.reject(error);
      this.#waiting = undefined;
    }
  }

  interrupt(): void {
    this.#waiting?.resolve();
    this.#waiting = undefined;
  }

  close(): void {
    clearInterval(this.#timer);
    this.interrupt();
  }
}
