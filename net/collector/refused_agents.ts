// SPDX-License-Identifier: MIT
/** Agents of the CA that did not get in lately. @module */
import type { RefusedReport } from "../status/report.ts";

/** Names that are kept; those refused longest ago are forgotten first. */
const NAMES_MAX = 100;
/** An agent tries again every ten seconds: one that has not for so long has given up. */
const KEPT_MS = 600_000;

/** One row for each name, so that whoever has a certificate fills no more than that, and who has none nothing. */
export class RefusedAgents {
  /** The one refused last comes last. */
  readonly #agents: Map<string, RefusedReport> = new Map();

  add(name: string, address: string, reason: string, nowMs: number): void {
    const times = (this.#recent(name, nowMs)?.times ?? 0) + 1;
    this.#agents.delete(name);
    this.#agents.set(name, { name, address, reason, times, lastMs: nowMs });
    if (this.#agents.size <= NAMES_MAX) return;
    const [longestAgo] = this.#agents.keys();
    this.#agents.delete(longestAgo);
  }

  /** Those refused in the last ten minutes. */
  recent(nowMs: number): RefusedReport[] {
    return [...this.#agents.keys()].flatMap((name) => this.#recent(name, nowMs) ?? []);
  }

  #recent(name: string, nowMs: number): RefusedReport | undefined {
    const agent = this.#agents.get(name);
    return agent !== undefined && nowMs - agent.lastMs < KEPT_MS ? agent : undefined;
  }
}
