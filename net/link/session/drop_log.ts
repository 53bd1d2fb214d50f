// SPDX-License-Identifier: MIT
/** Dropped packets in the log: a line now and then, for a loss may come and go many times a second. @module */

const PERIOD_MS = 60_000;

export class DropLog {
  readonly #warn: (message: string) => void;
  readonly #now: () => number;
  readonly #untold = new Map<string, number>();
  #toldMs = -Infinity;

  constructor(warn: (message: string) => void, now: () => number) {
    this.#warn = warn;
    this.#now = now;
  }

  /** Says at once that there is a loss; what is lost in the minute after that is said with the first loss behind it. */
  add(packets: number, reason: string): void {
    this.#untold.set(reason, (this.#untold.get(reason) ?? 0) + packets);
    const nowMs = this.#now();
    if (nowMs - this.#toldMs < PERIOD_MS) return;
    const more = this.#toldMs === -Infinity ? "" : " more";
    const reasons = [...this.#untold].map(([reason, packets]) => `${reason} (${packets}${more})`);
    this.#warn(`packets are dropped and counted: ${reasons.join(", ")}`);
    this.#toldMs = nowMs;
    this.#untold.clear();
  }
}
