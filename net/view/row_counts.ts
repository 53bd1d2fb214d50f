// SPDX-License-Identifier: MIT
/** Sums over exchanges, and what else the exchange log has rows of. @module */
import type { FeedCounts } from "./feed_lines.ts";
import { FACT, kindOf, type LogMemory, RowKind } from "./log_layout.ts";

export class RowCounts {
  exchanges = 0;
  flows = 0;
  readonly #statuses = [0, 0, 0, 0, 0, 0];
  #cut = 0;
  #messages = 0;
  #bytes = 0;

  /** Counts the row at a place of the columns: no object is made for it, nor a text read. */
  add(memory: LogMemory, at: number): void {
    switch (kindOf(memory, at)) {
      case RowKind.EXCHANGE:
        this.bytes(memory.requestBytes[at] + memory.responseBytes[at]);
        this.exchange(memory.status[at]);
        if ((memory.facts[at] >> FACT.CUT_SHIFT & FACT.CUT) !== 0) this.#cut++;
        break;
      case RowKind.MESSAGE:
        this.#messages++;
        break;
      case RowKind.FLOW_END:
        this.flows++;
        break;
    }
  }

  /** Counts an exchange, or with -1 takes it back. */
  exchange(status: number, by: 1 | -1 = 1): void {
    this.exchanges += by;
    this.#statuses[Math.min(5, Math.floor(status / 100))] += by;
  }

  /** Counts bytes of bodies. */
  bytes(count: number): void {
    this.#bytes += count;
  }

  copy(): FeedCounts {
    return {
      exchanges: this.exchanges,
      statuses: [...this.#statuses],
      cut: this.#cut,
      messages: this.#messages,
      flows: this.flows,
      bytes: this.#bytes,
    };
  }
}

/** What both have had together, or one since another. */
export function sumOf(one: FeedCounts, other: FeedCounts, sign: 1 | -1 = 1): FeedCounts {
  return {
    exchanges: one.exchanges + sign * other.exchanges,
    statuses: one.statuses.map((count, at) => count + sign * other.statuses[at]),
    cut: one.cut + sign * other.cut,
    messages: one.messages + sign * other.messages,
    flows: one.flows + sign * other.flows,
    bytes: one.bytes + sign * other.bytes,
  };
}
