// SPDX-License-Identifier: MIT
/** What one agent may have of the collector, so that one host can neither fill the disk nor take all of its time. @module */
import type { SinkFiles } from "../sinks/sink_files.ts";

/** Seconds' worth that an agent may have at once, when it was below its rate before. */
const BURST_SECONDS = 1;
/** Agents that are remembered; without certificates names cost nothing. */
const AGENTS_MAX = 10_000;

interface Account {
  /** Bytes beyond what the rate has allowed so far. */
  owedBytes: number;
  atMs: number;
}

/** Bytes a second, for each agent over all its connections. */
export class AgentRates {
  readonly #bytesPerMs: number;
  readonly #now: () => number;
  /** Of agents that owed something when last seen; seen longest ago first. */
  readonly #accounts: Map<string, Account> = new Map();

  constructor(bytesPerSecond: number, now: () => number = () => performance.now()) {
    this.#bytesPerMs = bytesPerSecond / 1000;
    this.#now = now;
  }

  /** Notes bytes of an agent that were taken; answers for how many milliseconds no more should be. */
  take(agent: string, bytes: number): number {
    const now = this.#now();
    const { owedBytes = 0, atMs = now } = this.#accounts.get(agent) ?? {};
    const owed = Math.max(0, owedBytes - (now - atMs) * this.#bytesPerMs) + bytes;
    this.#accounts.delete(agent);
    this.#accounts.set(agent, { owedBytes: owed, atMs: now });
    if (this.#accounts.size > AGENTS_MAX) this.#accounts.delete(this.#accounts.keys().next().value!);
    return Math.max(0, owed / this.#bytesPerMs - BURST_SECONDS * 1000);
  }
}

/** Bytes of packets, for each agent in all files that the sinks still have. Those of earlier runs do not count. */
export class AgentShares {
  readonly #shareBytes: number;
  readonly #totals: Map<string, number> = new Map();
  /** By sink, and then by the number of its file. */
  readonly #files: readonly { readonly of: SinkFiles; readonly byNumber: Map<number, Map<string, number>> }[];

  constructor(shareBytes: number, files: readonly SinkFiles[]) {
    this.#shareBytes = shareBytes;
    this.#files = files.map((of) => ({ of, byNumber: new Map() }));
  }

  /** Whether so many bytes more of an agent may go into each file; notes them if so. */
  take(agent: string, bytes: number): boolean {
    this.#forgetGone();
    const total = (this.#totals.get(agent) ?? 0) + bytes * this.#files.length;
    if (total > this.#shareBytes) return false;
    this.#totals.set(agent, total);
    for (const { of, byNumber } of this.#files) {
      const { number } = of.progress;
      let agents = byNumber.get(number);
      if (agents === undefined) byNumber.set(number, agents = new Map());
      agents.set(agent, (agents.get(agent) ?? 0) + bytes);
    }
    return true;
  }

  /** Files that were deleted, or that others took away, are no longer the collector's to fill. */
  #forgetGone(): void {
    for (const { of, byNumber } of this.#files) {
      for (const [number, agents] of byNumber) {
        if (number >= of.oldest) break;
        byNumber.delete(number);
        for (const [agent, bytes] of agents) this.#release(agent, bytes);
      }
    }
  }

  #release(agent: string, bytes: number): void {
    const left = this.#totals.get(agent)! - bytes;
    if (left > 0) this.#totals.set(agent, left);
    else this.#totals.delete(agent);
  }
}
