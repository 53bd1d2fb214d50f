// SPDX-License-Identifier: MIT
/** How counts that only grow have grown lately. @module */

/** Rates are told over at least so long. */
const WINDOW_MS = 10_000;
/** Samples of a reader that asks all the time are no closer than this. */
const APART_MS = 500;

interface Sample {
  readonly timeMs: number;
  readonly bytes: number;
  readonly packets: number;
}

/** Growth a second. */
export interface Rates {
  /** Over how many milliseconds; 0: too few to tell. */
  readonly overMs: number;
  readonly bytes: number;
  readonly packets: number;
}

/** Remembers what counts were a while ago, and when each loss last grew. */
export class Trend {
  readonly #samples: Sample[] = [];
  readonly #losses = new Map<string, { amount: number; lastMs: number | undefined }>();

  /** Takes what the counts are at `timeMs`; times do not go back. */
  add(timeMs: number, bytes: number, packets: number): void {
    const samples = this.#samples;
    const latest = samples.at(-1);
    if (latest !== undefined && timeMs - latest.timeMs < APART_MS) return;
    samples.push({ timeMs, bytes, packets });
    // One that is older than the window stays: the window is measured from it.
    while (samples.length > 2 && timeMs - samples[1].timeMs >= WINDOW_MS) samples.shift();
  }

  /** From the oldest sample that is kept to what the counts are at `timeMs`. */
  rates(timeMs: number, bytes: number, packets: number): Rates {
    const [oldest] = this.#samples;
    const overMs = oldest === undefined ? 0 : timeMs - oldest.timeMs;
    if (overMs < APART_MS) return { overMs: 0, bytes: 0, packets: 0 };
    return {
      overMs,
      bytes: (bytes - oldest.bytes) * 1000 / overMs,
      packets: (packets - oldest.packets) * 1000 / overMs,
    };
  }

  /** Takes what a loss is at `timeMs`; answers when it was last seen to grow, undefined if it was not. */
  loss(name: string, amount: number, timeMs: number): number | undefined {
    const known = this.#losses.get(name);
    if (known === undefined) {
      this.#losses.set(name, { amount, lastMs: amount > 0 ? timeMs : undefined });
      return amount > 0 ? timeMs : undefined;
    }
    if (amount > known.amount) known.lastMs = timeMs;
    known.amount = amount;
    return known.lastMs;
  }
}
