// SPDX-License-Identifier: MIT
/** Waiting for somebody else for as long as he makes progress. @module */
import { eventLoopTurn } from "../../sinks/sink.ts";

export class Progress {
  readonly #stalledMs: number;
  readonly #now: () => number;
  /** Steps forward so far. */
  #steps = 0;
  /** `#steps` when waiting was last given up; -1: not since there was hope. */
  #stalledAt = -1;
  #waiting: (() => void)[] = [];

  /** Whoever waits gives up when nothing has moved for `stalledMs`. */
  constructor(stalledMs: number, now: () => number) {
    this.#stalledMs = stalledMs;
    this.#now = now;
  }

  /** A step forward. */
  advance(): void {
    this.#steps++;
    this.wake();
  }

  /** Waiting may be of use again. */
  revive(): void {
    this.#stalledAt = -1;
  }

  /** Whoever waits looks whether he is done. */
  wake(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }

  /**
   * Settles when `isDone`, when nothing moves any more, or after `longestMs`; where nothing has moved since the last stall,
   * after one turn of the event loop.
   */
  async wait(isDone: () => boolean, longestMs = Infinity): Promise<void> {
    if (!isDone() && this.#stalledAt === this.#steps) return await eventLoopTurn();
    const endMs = this.#now() + longestMs;
    let [steps, movedMs] = [this.#steps, this.#now()];
    while (!isDone() && this.#stalledAt !== this.#steps) {
      const nowMs = this.#now();
      if (this.#steps !== steps) [steps, movedMs] = [this.#steps, nowMs];
      const stallMs = movedMs + this.#stalledMs;
      if (nowMs >= endMs) return;
      if (nowMs >= stallMs) this.#stalledAt = steps;
      else await this.#woken(Math.min(endMs, stallMs) - nowMs);
    }
  }

  /** Waits until somebody wakes us, at most for `longestMs`. */
  async #woken(longestMs: number): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    await new Promise<void>((resolve) => {
      this.#waiting.push(resolve);
      timer = setTimeout(resolve, longestMs);
    });
    clearTimeout(timer);
  }
}
