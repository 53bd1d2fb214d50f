// SPDX-License-Identifier: MIT
/** Holds agents to a rate: their connections are answered later, and so hand on no more. @module */
import type { AgentBooks } from "./agent_books.ts";
import type { AgentRates } from "./quotas.ts";

/** Between what is done with the packets of a connection and telling it so. */
export class RateGate {
  readonly #rates: AgentRates | undefined;
  readonly #answer: (link: number) => void;
  /** When a connection may be answered, where that is not yet. */
  readonly #untilMs: Map<number, number> = new Map();
  readonly #timers: Set<ReturnType<typeof setTimeout>> = new Set();

  /** Without `rates` everybody is answered at once. */
  constructor(rates: AgentRates | undefined, answer: (link: number) => void) {
    this.#rates = rates;
    this.#answer = answer;
  }

  /** The connection's agent sent so many bytes; answers whether it is beyond its rate for the first time. */
  took(link: number, books: AgentBooks, bytes: number): boolean {
    const ms = this.#rates?.take(books.name, bytes) ?? 0;
    if (ms === 0) return false;
    const now = performance.now();
    const isFirst = books.heldMs === 0;
    books.heldMs += now + ms - Math.max(now, this.#untilMs.get(link) ?? 0);
    this.#untilMs.set(link, now + ms);
    return isFirst;
  }

  /** Answers the connection, when its agent is within its rate. */
  done(link: number): void {
    const ms = (this.#untilMs.get(link) ?? 0) - performance.now();
    if (ms <= 0) return this.#answer(link);
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      this.#answer(link);
    }, ms);
    this.#timers.add(timer);
  }

  forget(link: number): void {
    this.#untilMs.delete(link);
  }

  close(): void {
    for (const timer of this.#timers) clearTimeout(timer);
  }
}
