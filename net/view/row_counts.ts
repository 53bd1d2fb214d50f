// SPDX-License-Identifier: MIT
/** Sums over rows of the exchange log. @module */
import type { FeedCounts } from "./feed_lines.ts";
import { FACT, kindOf, type LogMemory, RowKind } from "./log_layout.ts";

/** Looks at columns and nothing else: no object is made for a row, nor a text read. */
export class RowCounts {
  readonly #statuses = [0, 0, 0, 0, 0, 0];
  #exchanges = 0;
  #cut = 0;
  #messages = 0;
  #flows = 0;
  #bytes = 0;

  /** Counts the row at a place of the columns. */
  add(memory: LogMemory, at: number): void {
    switch (kindOf(memory, at)) {
      case RowKind.EXCHANGE:
        this.#exchanges++;
        this.#statuses[Math.min(5, Math.floor(memory.status[at] / 100))]++;
        this.#bytes += memory.requestBytes[at] + memory.responseBytes[at];
        if ((memory.facts[at] >> FACT.CUT_SHIFT & FACT.CUT) !== 0) this.#cut++;
        break;
      case RowKind.MESSAGE:
        this.#messages++;
        break;
      case RowKind.FLOW_END:
        this.#flows++;
        break;
    }
  }

  copy(): FeedCounts {
    return {
      exchanges: this.#exchanges,
      statuses: [...this.#statuses],
      cut: this.#cut,
      messages: this.#messages,
      flows: this.#flows,
      bytes: this.#bytes,
    };
  }
}
