// SPDX-License-Identifier: MIT
/** The rows of the exchange log that somebody looks at: all that was there before, then of what comes the newest. @module */
import type { Row } from "./exchange.ts";
import type { FeedCounts } from "./feed_lines.ts";
import type { Filter } from "./filter.ts";
import { FOLLOW_MANY_MS, FOLLOW_MS } from "./followers.ts";
import type { LogReader } from "./log_reader.ts";
import { RowCounts, sumOf } from "./row_counts.ts";

/** Entries that are looked at at a time when they come, four times a second: about 5 ms with a filter. */
const LIVE_ENTRIES_MAX = 4000;
/** Of more than are chosen of a look nobody can read all: a share, or so many, is a sample of what passes, and spares the agent the rest. */
const SAMPLED_SHARE = 5;
const SAMPLED_ROWS = 10;
const NOTHING = new RowCounts();

/** How much comes of a look. */
export interface ChoiceBounds {
  /** Entries of before that are looked at. */
  readonly entriesBefore: number;
  /** Rows that are chosen of these. */
  readonly rowsBefore: number;
  /** Rows that are chosen of what comes within {@linkcode FOLLOW_MS}; where more do, a sample is. */
  readonly rowsLive: number;
}

export class RowChoice {
  /** What was there before has been looked at. */
  isLive = false;
  /** The last look found something that had come. */
  hadNews = false;
  /** So long after a look with something new the next one is due. */
  pauseMs = FOLLOW_MS;
  readonly #reader: LogReader;
  readonly #filter: Filter | undefined;
  readonly #bounds: ChoiceBounds;
  readonly #looked = new RowCounts();
  /** Rows that were looked at and would have been chosen, but for the bounds. */
  #skipped = 0;
  /** What nobody has read, and what of it had come before this was live. */
  readonly #unread: RowCounts;
  #unreadBefore: FeedCounts;
  /** Exchanges that had come at the last look, and how many of them nobody had read. */
  #came = 0;
  #unreadThen = 0;

  constructor(reader: LogReader, filter: Filter | undefined, bounds: ChoiceBounds) {
    this.#reader = reader;
    this.#filter = filter;
    this.#bounds = bounds;
    this.#unread = reader.unread?.counts ?? NOTHING;
    this.#unreadBefore = this.#unread.copy();
  }

  /** Nothing may be left unread: what was there before, and of what comes all for which a filter may hold. */
  get readsAll(): boolean {
    return !this.isLive || this.#filter !== undefined;
  }

  /** Rows that would have been chosen, but for the bounds. */
  get skipped(): number {
    return this.isLive
      ? this.#skipped + this.#unread.exchanges - this.#unreadBefore.exchanges
      : this.#skipped;
  }

  /** All that ended, chosen or not. */
  get counts(): FeedCounts {
    if (!this.isLive) return this.#looked.copy();
    return sumOf(this.#looked.copy(), sumOf(this.#unread.copy(), this.#unreadBefore, -1));
  }

  /** What is new, the newest where it is too much; good until others have their turn. */
  next(): Row[] {
    this.#read();
    const most = this.isLive ? LIVE_ENTRIES_MAX : this.#bounds.entriesBefore;
    const numbers = this.#reader.take(most, this.#looked);
    const chosen = numbers.filter((number) => this.#isChosen(number));
    const unread = this.#unread.exchanges - this.#unreadThen;
    this.#unreadThen += unread;
    this.hadNews = numbers.length > 0 || unread > 0;
    // Those of before, too, that were left unread until now.
    const came = chosen.length + Math.max(0, unread);
    const skipped = Math.max(0, chosen.length - this.#mostOf(came));
    this.pauseMs = this.isLive && numbers.length < most ? this.#pauseAfter(came) : FOLLOW_MS;
    if (!this.isLive && this.#reader.waiting === 0) this.#goLive();
    this.#skipped += skipped;
    if (this.#reader.unread !== undefined) this.#reader.sort(chosen);
    return chosen.slice(skipped).map((number) => this.#reader.row(number)!);
  }

  /** All that there was has just been read: from now on a part may be. */
  #goLive(): void {
    this.isLive = true;
    const { unread } = this.#reader;
    if (unread !== undefined && this.#filter === undefined) {
      this.#reader.sample(1);
      this.#came = unread.came();
    }
    this.#unreadBefore = this.#unread.copy();
    this.#unreadThen = this.#unreadBefore.exchanges;
  }

  /** Has read what came; where that is more than may be told, a part. */
  #read(): void {
    const { unread } = this.#reader;
    if (unread === undefined || this.readsAll) return this.#reader.update();
    const came = unread.came() - this.#came;
    this.#came += came;
    const isMuch = this.#timesTooMany(came) > 1;
    this.#reader.sample(isMuch ? Math.ceil(came / this.#sampleRows) : 1);
  }

  #isChosen(number: number): boolean {
    if (!this.#reader.isListed(number)) return false;
    return this.#filter?.(this.#reader.row(number)!) ?? true;
  }

  /** Rows that are told where so many came. */
  #mostOf(came: number): number {
    if (!this.isLive) return this.#bounds.rowsBefore;
    return this.#timesTooMany(came) <= 1 ? this.#mostOfPause : this.#sampleRows;
  }

  #pauseAfter(came: number): number {
    return Math.min(FOLLOW_MANY_MS, FOLLOW_MS * Math.max(1, Math.ceil(this.#timesTooMany(came))));
  }

  get #sampleRows(): number {
    return Math.min(Math.ceil(this.#bounds.rowsLive / SAMPLED_SHARE), SAMPLED_ROWS);
  }

  /** Rows that may be told of a pause. */
  get #mostOfPause(): number {
    return this.#bounds.rowsLive * this.pauseMs / FOLLOW_MS;
  }

  /** How many times these so many rows are. */
  #timesTooMany(came: number): number {
    return came / this.#mostOfPause;
  }
}
