// SPDX-License-Identifier: MIT
/** The rows of the exchange log that somebody looks at: all that was there before, then of what comes the newest. @module */
import type { Row } from "./exchange.ts";
import type { Filter } from "./filter.ts";
import type { LogReader } from "./log_reader.ts";

/** Entries that are looked at at a time when they come, five times a second: about 5 ms with a filter. */
const LIVE_ENTRIES_MAX = 4000;

/** How much comes of a look. */
export interface ChoiceBounds {
  /** Entries of before that are looked at. */
  readonly entriesBefore: number;
  /** Rows that are chosen of these. */
  readonly rowsBefore: number;
  /** Rows that are chosen of what comes. */
  readonly rowsLive: number;
}

export class RowChoice {
  /** What was there before has been looked at. */
  isLive = false;
  /** Rows that would have been chosen, but for the bounds. */
  skipped = 0;
  readonly #reader: LogReader;
  readonly #filter: Filter | undefined;
  readonly #bounds: ChoiceBounds;

  constructor(reader: LogReader, filter: Filter | undefined, bounds: ChoiceBounds) {
    this.#reader = reader;
    this.#filter = filter;
    this.#bounds = bounds;
  }

  /** What is new, the newest where it is too much; good until others have their turn. `see` gets all that is looked at. */
  next(see?: (row: Row) => void): Row[] {
    const { entriesBefore, rowsBefore, rowsLive } = this.#bounds;
    const [entries, most] = this.isLive ? [LIVE_ENTRIES_MAX, rowsLive] : [entriesBefore, rowsBefore];
    const chosen: Row[] = [];
    for (const row of this.#reader.rows(entries)) {
      see?.(row);
      if (isListed(row) && (this.#filter?.(row) ?? true)) chosen.push(row);
    }
    this.isLive ||= this.#reader.waiting === 0;
    const skipped = Math.max(0, chosen.length - most);
    this.skipped += skipped;
    return skipped === 0 ? chosen : chosen.slice(skipped);
  }
}

/** The beginning of a flow is no row, nor is the end of one whose exchanges are listed. */
function isListed(row: Row): boolean {
  return row.kind === "exchange" || row.kind === "message" || row.kind === "flow end" && !row.isHttp;
}
