// SPDX-License-Identifier: MIT
/** Rows of the exchange log as the page lists them. @module */
import type { Row } from "../view/exchange.ts";
import type { Filter } from "../view/filter.ts";
import { LogReader } from "../view/log_reader.ts";
import { withoutSecrets } from "../view/secrets.ts";
import { visible } from "../wire/printable.ts";
import type { PageRow, RowsMessage } from "./messages.ts";

/** Entries of before that are told in a message: some 5 ms of work. */
const ENTRIES_MAX = 1000;
/** Entries that are looked at at a time when they come, five times a second. */
const LIVE_ENTRIES_MAX = 4000;
/** Rows that are told of these, the newest: to tell all at 4,000 a second would take as much time as to mirror them. */
const LIVE_ROWS_MAX = 100;
/** Letters of a peer's text in the list; the detail has all. */
const LETTERS_MAX = 300;

/** The log that the page shows. */
export interface PageLog {
  readonly buffer: SharedArrayBuffer;
  /** Nanoseconds since 1970 of the log's time 0. */
  readonly timeBaseNs: bigint;
  readonly showsSecrets: boolean;
  /** Forged server port by the real one. */
  readonly portMap: ReadonlyMap<number, number>;
}

/** Reads the log from its oldest entry on, for one page: all that was there before, and of what comes so many rows a look. */
export class RowFeed {
  /** What was there before has been told. */
  isLive = false;
  readonly #reader: LogReader;
  readonly #log: PageLog;
  readonly #filter: Filter;
  #missed = 0;

  constructor(log: PageLog, filter: Filter) {
    this.#log = log;
    this.#filter = filter;
    this.#reader = new LogReader(log.buffer);
  }

  /** What is new; undefined when nothing is. */
  next(): RowsMessage | undefined {
    const { isLive } = this;
    const chosen: Row[] = [];
    for (const row of this.#reader.rows(isLive ? LIVE_ENTRIES_MAX : ENTRIES_MAX)) {
      if (isListed(row) && this.#filter(row)) chosen.push(row);
    }
    this.isLive ||= this.#reader.waiting === 0;
    const skipped = isLive ? Math.max(0, chosen.length - LIVE_ROWS_MAX) : 0;
    const missed = this.#reader.missed - this.#missed;
    if (chosen.length === 0 && missed === 0 && this.isLive === isLive) return undefined;
    this.#missed = this.#reader.missed;
    const rows = chosen.slice(skipped).map((row) => rowOf(row, this.#log)!);
    return { rows, missed, skipped, isLive: this.isLive };
  }
}

/** The beginning of a flow is no row, nor is the end of one whose exchanges are listed. */
function isListed(row: Row): boolean {
  return row.kind === "exchange" || row.kind === "message" || row.kind === "flow end" && !row.isHttp;
}

/** As the list has it; undefined for what it has not. */
export function rowOf(entry: Row, log: PageLog): PageRow | undefined {
  const { number, flow, startNs, endNs } = entry;
  const common = {
    number,
    timeMs: Number(log.timeBaseNs / 1000n) / 1000 + startNs / 1e6,
    program: cut(flow.program),
    pid: flow.pid,
    ms: (endNs - startNs) / 1e6,
  };
  switch (entry.kind) {
    case "exchange":
      return {
        ...common,
        kind: "http",
        method: cut(entry.method),
        status: entry.status,
        host: cut(entry.host),
        path: cut(log.showsSecrets ? entry.target : withoutSecrets(entry.target)),
        type: cut(entry.type),
        size: entry.responseBytes,
        version: entry.version.slice("HTTP/".length),
        cut: entry.cut,
      };
    case "message":
      return {
        ...common,
        kind: "websocket",
        method: entry.isToServer ? ">" : "<",
        status: 0,
        host: cut(flow.sni),
        path: OPCODES[entry.opcode] ?? `opcode ${entry.opcode}`,
        type: "",
        size: entry.lengthBytes,
        version: "",
        cut: entry.cut,
      };
    case "flow end":
      return entry.isHttp ? undefined : {
        ...common,
        kind: "tls",
        method: "",
        status: 0,
        host: cut(flow.sni || flow.server.ip),
        path: `port ${flow.server.port}${flow.alpn === "" ? "" : `, ${cut(flow.alpn)}`}`,
        type: "",
        size: entry.toServer + entry.toClient,
        version: "",
        cut: "",
      };
    default:
      return undefined;
  }
}

const OPCODES: Readonly<Record<number, string>> = {
  1: "text",
  2: "binary",
  8: "close",
  9: "ping",
  10: "pong",
};

function cut(text: string): string {
  return visible(text.length <= LETTERS_MAX ? text : `${text.slice(0, LETTERS_MAX)}…`);
}
