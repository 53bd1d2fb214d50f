// SPDX-License-Identifier: MIT
/** Exchanges for those who look at them from another process, as they end. @module */
import type { Flow } from "../mirror/flow.ts";
import {
  type ExchangeDetail,
  exchangeDetail,
  type FeedLine,
  type MessageDetail,
  messageDetail,
  rowLine,
} from "./feed_lines.ts";
import type { Filter } from "./filter.ts";
import { type FlowLines, flowLines } from "./flow_lines.ts";
import { FOLLOW_MS, type Follower, type Followers } from "./followers.ts";
import { LogReader } from "./log_reader.ts";
import { RowChoice } from "./row_choice.ts";
import type { LiveView } from "./live.ts";

/** A line is sent at least so often, or at each look: that is how it is found out that nobody reads any more. */
const IDLE_MS = 1000;
/** What waits for a reader that is slow; what comes then stays in the log, until it is overtaken. */
const WAITING_BYTES_MAX = 512 * 1024;
/** At a time. */
const WATCHERS_MAX = 16;
/** Rows a second: each costs the agent as much as 100 that are only counted. */
export const ROWS_DEFAULT = 200;
export const ROWS_MAX = 100_000;
/** Rows that are sent at first, where more have ended before. */
const ROWS_BEFORE = 1000;
/** Rows of before that are looked at before others have their turn: about 5 ms with a filter. */
const ENTRIES_BEFORE = 4000;

/** What somebody wants to see. */
export interface FeedQuery {
  /** Default: all. */
  readonly filter?: Filter;
  /** `log`: what has ended before too, as far as it is there. */
  readonly from: "now" | "log";
  /** Rows a second that are sent at most, the newest of them. */
  readonly rows: number;
}

export interface FeedOptions {
  readonly live: LiveView;
  readonly followers: Followers;
  readonly timeBaseMs: number;
  readonly showsSecrets: boolean;
  /** Those that are open. */
  readonly flows: () => Iterable<Flow>;
}

export class ExchangeFeed {
  readonly #options: FeedOptions;
  readonly #watchers = new Set<Watcher>();

  constructor(options: FeedOptions) {
    this.#options = options;
  }

  get showsSecrets(): boolean {
    return this.#options.showsSecrets;
  }

  /** Lines from now on, until it is cancelled; undefined where too many look already. */
  follow(query: FeedQuery): ReadableStream<Uint8Array<ArrayBuffer>> | undefined {
    if (this.#watchers.size >= WATCHERS_MAX) return undefined;
    const watcher = new Watcher(this.#options, query, () => this.#watchers.delete(watcher));
    this.#watchers.add(watcher);
    return watcher.stream;
  }

  /** Whether anybody looks: else there are no rows to be had. */
  get isFollowed(): boolean {
    return this.#watchers.size > 0;
  }

  /** A row with all that is there of it; undefined where it is not there any more, or nobody follows. */
  detail(number: number): ExchangeDetail | MessageDetail | undefined {
    const [watcher] = this.#watchers;
    const entry = watcher?.reader.entry(number);
    if (entry?.kind === "exchange") return exchangeDetail(entry, this.#options.showsSecrets);
    return entry?.kind === "message" ? messageDetail(entry) : undefined;
  }

  /** Up to so many of the flows that are open. */
  flows(filter: Filter | undefined, most: number): FlowLines {
    const { flows, timeBaseMs } = this.#options;
    return { timeBaseMs, ...flowLines(flows(), filter, most) };
  }

  /** Ends what is followed. */
  close(): void {
    for (const watcher of this.#watchers) watcher.end();
  }
}

const encoder = new TextEncoder();

/** One who looks. */
class Watcher implements Follower {
  readonly stream: ReadableStream<Uint8Array<ArrayBuffer>>;
  readonly reader: LogReader;
  readonly #options: FeedOptions;
  readonly #choice: RowChoice;
  readonly #left: () => void;
  #controller!: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>>;
  #sentMs = -Infinity;
  /** There was something new then, whether it was sent or not. */
  #newsMs = -Infinity;
  #hasLeft = false;

  constructor(options: FeedOptions, query: FeedQuery, left: () => void) {
    this.#options = options;
    this.#left = left;
    const { log, readable } = options.live.enter();
    this.reader = new LogReader(readable);
    const rowsBefore = Math.max(query.rows, ROWS_BEFORE);
    if (query.from === "now") this.reader.passOver(0);
    else if (query.filter === undefined) this.reader.passOver(rowsBefore);
    const rowsLive = Math.ceil(query.rows * FOLLOW_MS / 1000);
    this.#choice = new RowChoice(this.reader, query.filter, {
      entriesBefore: ENTRIES_BEFORE,
      rowsBefore,
      rowsLive,
    });
    this.stream = new ReadableStream({
      start: (controller) => {
        this.#controller = controller;
        const { timeBaseMs, showsSecrets } = options;
        this.#send([{ kind: "begin", timeBaseMs, bodyBytes: log.bodyBytesMax, showsSecrets }]);
        options.followers.add(this);
      },
      cancel: () => this.#leave(),
    }, { highWaterMark: WAITING_BYTES_MAX, size: (chunk) => chunk!.byteLength });
  }

  get readsAll(): boolean {
    return this.#choice.readsAll;
  }

  end(): void {
    this.#controller.close();
    this.#leave();
  }

  get dueMs(): number {
    return this.#newsMs + this.#choice.pauseMs;
  }

  look(nowMs: number): void {
    if (nowMs < this.dueMs || this.#controller.desiredSize! <= 0) return;
    const choice = this.#choice;
    const rows = choice.next();
    if (choice.hadNews) this.#newsMs = nowMs;
    if (rows.length === 0 && nowMs - this.#sentMs < IDLE_MS) return;
    this.#sentMs = nowMs;
    const lines: FeedLine[] = rows.map((row) => rowLine(row, this.#options.showsSecrets));
    const { waiting, missed } = this.reader;
    const { counts, skipped } = choice;
    lines.push({ kind: "tick", nowMs: Date.now(), counts, skipped, missed, waiting });
    this.#send(lines);
  }

  fail(error: unknown): void {
    this.#controller.error(error);
    this.#leave();
  }

  #leave(): void {
    if (this.#hasLeft) return;
    this.#hasLeft = true;
    this.#options.followers.delete(this);
    this.#options.live.leave();
    this.#left();
  }

  #send(lines: readonly FeedLine[]): void {
    this.#controller.enqueue(encoder.encode(lines.map((line) => `${JSON.stringify(line)}\n`).join("")));
  }
}
