// SPDX-License-Identifier: MIT
/** Rows of the exchange log as the page lists them. @module */
import type { Row } from "../view/exchange.ts";
import type { Filter } from "../view/filter.ts";
import { LogReader, type ReadableLog } from "../view/log_reader.ts";
import { RowChoice } from "../view/row_choice.ts";
import { withoutSecrets } from "../view/secrets.ts";
import { visible } from "../wire/printable.ts";
import type { PageRow, RowsMessage } from "./messages.ts";

/** Entries of before that are told in a message: some 5 ms of work. */
const ENTRIES_MAX = 1000;
/** Rows that are told of what comes in a quarter of a second: to tell all at 4,000 a second would take as much time as to mirror them. */
const LIVE_ROWS_MAX = 125;
/** Letters of a peer's text in the list; the detail has all. */
const LETTERS_MAX = 300;

/** The log that the page shows. */
export interface PageLog extends ReadableLog {
  /** Nanoseconds since 1970 of the log's time 0. */
  readonly timeBaseNs: bigint;
  readonly showsSecrets: boolean;
  /** Forged server port by the real one. */
  readonly portMap: ReadonlyMap<number, number>;
}

/** Reads the log from its oldest entry on, for one page: all that was there before, and of what comes so many rows a look. */
export class RowFeed {
  readonly #reader: LogReader;
  readonly #log: PageLog;
  readonly #choice: RowChoice;
  #missed = 0;
  #skipped = 0;

  constructor(log: PageLog, filter?: Filter) {
    this.#log = log;
    this.#reader = new LogReader(log);
    this.#choice = new RowChoice(this.#reader, filter, {
      entriesBefore: ENTRIES_MAX,
      rowsBefore: ENTRIES_MAX,
      rowsLive: LIVE_ROWS_MAX,
    });
  }

  /** What was there before has been told. */
  get isLive(): boolean {
    return this.#choice.isLive;
  }

  /** So long after a look with something new the next one is due. */
  get pauseMs(): number {
    return this.#choice.pauseMs;
  }

  /** The last look found something that had come. */
  get hadNews(): boolean {
    return this.#choice.hadNews;
  }

  /** Nothing may be left unread. */
  get readsAll(): boolean {
    return this.#choice.readsAll;
  }

  /** What is new; undefined when nothing is. */
  next(): RowsMessage | undefined {
    const wasLive = this.isLive;
    const rows = this.#choice.next().map((row) => rowOf(row, this.#log)!);
    const missed = this.#reader.missed - this.#missed;
    const skipped = this.#choice.skipped - this.#skipped;
    if (rows.length === 0 && missed === 0 && this.isLive === wasLive) return undefined;
    this.#missed += missed;
    this.#skipped += skipped;
    return { rows, missed, skipped, isLive: this.isLive };
  }
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
