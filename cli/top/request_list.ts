// SPDX-License-Identifier: MIT
/** Rows of a feed as a list that is sorted, paused and bounded. @module */
import type { ExchangeLine, FeedLine } from "../../net/view/feed_lines.ts";

/** What is listed. */
export type ListedRow = Exclude<FeedLine, { kind: "begin" | "tick" }>;

/** What a list can be sorted by. */
const SORTS = ["time", "status", "size", "ms", "program", "host"] as const;
export type Sort = typeof SORTS[number];

/** Rows that are kept: some 1.5 KiB each. */
const ROWS_MAX = 10_000;
/** The list is cut when it is longer by so much, since that moves all of it. */
const SLACK = 1000;

export class RequestList {
  sort: Sort = "time";
  /** From the other end: the newest first, the smallest first, from z to a. */
  isReversed = false;
  /** Rows that came while the list stands still. */
  #held: ListedRow[] | undefined;
  #rows: ListedRow[] = [];
  #shown: readonly ListedRow[] | undefined;

  add(row: ListedRow): void {
    const rows = this.#held ?? this.#rows;
    rows.push(row);
    if (rows.length > ROWS_MAX + SLACK) rows.splice(0, rows.length - ROWS_MAX);
    if (this.#held === undefined) this.#shown = undefined;
  }

  clear(): void {
    this.#rows = [];
    this.#shown = undefined;
    if (this.#held !== undefined) this.#held = [];
  }

  get isPaused(): boolean {
    return this.#held !== undefined;
  }

  /** Rows that wait for the list to go on. */
  get heldRows(): number {
    return this.#held?.length ?? 0;
  }

  /** Stands still, or goes on with what came meanwhile. */
  pause(): void {
    const held = this.#held;
    this.#held = held === undefined ? [] : undefined;
    for (const row of held ?? []) this.add(row);
  }

  /** The end at which new rows come, or the largest stand. */
  get end(): "first" | "last" {
    return this.sort === "time" && !this.isReversed ? "last" : "first";
  }

  nextSort(): void {
    this.sort = SORTS[(SORTS.indexOf(this.sort) + 1) % SORTS.length];
    this.isReversed = false;
    this.#shown = undefined;
  }

  reverse(): void {
    this.isReversed = !this.isReversed;
    this.#shown = undefined;
  }

  /** In their order. */
  shown(): readonly ListedRow[] {
    return this.#shown ??= this.#sorted();
  }

  #sorted(): readonly ListedRow[] {
    const { sort, isReversed } = this;
    if (sort === "time") return isReversed ? this.#rows.toReversed() : [...this.#rows];
    const valued = this.#rows.map((row) => ({ row, value: valueOf(row, sort) }));
    // Numbers begin with the largest, texts with a.
    const way = (typeof valued[0]?.value === "number") !== isReversed ? -1 : 1;
    valued.sort((one, other) => way * (one.value < other.value ? -1 : one.value > other.value ? 1 : 0));
    return valued.map(({ row }) => row);
  }
}

function valueOf(row: ListedRow, sort: Exclude<Sort, "time">): number | string {
  switch (sort) {
    case "status":
      return row.kind === "exchange" ? row.status : 0;
    case "size":
      return sizeOf(row);
    case "ms":
      return row.endNs - row.startNs;
    case "program":
      return row.flow.program;
    case "host":
      return hostOf(row);
  }
}

/** Bytes of the body that is told of; of a session both ways. */
export function sizeOf(row: ListedRow): number {
  switch (row.kind) {
    case "exchange":
      return bodyBytes(row);
    case "message":
      return row.lengthBytes;
    default:
      return row.toServer + row.toClient;
  }
}

const bodyBytes = ({ requestBytes, responseBytes }: ExchangeLine): number =>
  responseBytes > 0 || requestBytes === 0 ? responseBytes : requestBytes;

/** A peer's text. */
export function hostOf(row: ListedRow): string {
  const { sni, server } = row.flow;
  return (row.kind === "exchange" ? row.host : sni) || `${server.ip}:${server.port}`;
}
