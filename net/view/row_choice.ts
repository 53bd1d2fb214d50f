// SPDX-License-Identifier: MIT
/** The rows of the exchange log that somebody looks at: all that was there before, then of what comes the newest. @module */
import type { Row } from "./exchange.ts";
import type { Filter } from "./filter.ts";
import { FOLLOW_MANY_MS, FOLLOW_MS } from "./followers.ts";
import type { LogReader } from "./log_reader.ts";
import type { RowCounts } from "./row_counts.ts";

/** Entries that are looked at at a time when they come, four times a second: about 5 ms with a filter. */
const LIVE_ENTRIES_MAX = 4000;
/** Of more than are chosen of a look nobody can read all: of these a share is a sample of what passes, and spares the agent the rest. */
const SAMPLED_SHARE = 5;

/** How much comes of a look. */
export interface ChoiceBounds {
  /** Entries of before that are looked at. */
  readonly entriesBefore: number;
  /** Rows that are chosen of these. */
  readonly rowsBefore: number;
  /** Rows that are chosen of what comes within {@linkcode FOLLOW_MS}; where more do, a share of it. */
  readonly rowsLive: number;
}

export class RowChoice {
  /** What was there before has been looked at. */
  isLive = false;
  /** Rows that would have been chosen, but for the bounds. */
  skipped = 0;
  /** So long after a look with something new the next one is due. */
  pauseMs = FOLLOW_MS;
  readonly #reader: LogReader;
  readonly #filter: Filter | undefined;
  readonly #bounds: ChoiceBounds;

  constructor(reader: LogReader, filter: Filter | undefined, bounds: ChoiceBounds) {
    this.#reader = reader;
    this.#filter = filter;
    this.#bounds = bounds;
  }

  /** What is new, the newest where it is too much; good until others have their turn. All that is looked at is counted. */
  next(counts?: RowCounts): Row[] {
    const most = this.isLive ? LIVE_ENTRIES_MAX : this.#bounds.entriesBefore;
    const numbers = this.#reader.take(most, counts);
    const chosen = numbers.filter((number) => this.#isChosen(number));
    const skipped = chosen.length - this.#mostOf(chosen.length);
    this.pauseMs = this.isLive && numbers.length < most ? this.#pauseAfter(chosen.length) : FOLLOW_MS;
    this.isLive ||= this.#reader.waiting === 0;
    this.skipped += skipped;
    return chosen.slice(skipped).map((number) => this.#reader.row(number)!);
  }

  #isChosen(number: number): boolean {
    if (!this.#reader.isListed(number)) return false;
    return this.#filter?.(this.#reader.row(number)!) ?? true;
  }

  #mostOf(chosen: number): number {
    const { rowsBefore, rowsLive } = this.#bounds;
    if (!this.isLive) return Math.min(chosen, rowsBefore);
    return this.#timesTooMany(chosen) <= 1 ? chosen : Math.ceil(rowsLive / SAMPLED_SHARE);
  }

  #pauseAfter(chosen: number): number {
    return Math.min(FOLLOW_MANY_MS, FOLLOW_MS * Math.max(1, Math.ceil(this.#timesTooMany(chosen))));
  }

  /** How many times what may be told of a pause these rows are. */
  #timesTooMany(chosen: number): number {
    return chosen / (this.#bounds.rowsLive * this.pauseMs / FOLLOW_MS);
  }
}
