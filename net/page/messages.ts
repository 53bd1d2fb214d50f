// SPDX-License-Identifier: MIT
/** What the page and its server say to each other: plain data for `JSON.stringify`. Texts of peers are fit to be shown. @module */
import type { StatusReport } from "../status/report.ts";
import type { FlowFacts } from "../view/flow_facts.ts";

/** A line of the list. */
export interface PageRow {
  /** Of its place in the log. */
  readonly number: number;
  readonly kind: "http" | "websocket" | "tls";
  /** Milliseconds since 1970: its first byte. */
  readonly timeMs: number;
  readonly program: string;
  readonly pid: number;
  /** Of WebSocket messages `>` or `<`, of other protocols empty. */
  readonly method: string;
  /** 0: none was seen, or there is none. */
  readonly status: number;
  readonly host: string;
  readonly path: string;
  readonly type: string;
  /** Bytes of the response's body, of the message, or of the connection. */
  readonly size: number;
  readonly ms: number;
  readonly version: string;
  /** Why it is not whole; empty when it is. */
  readonly cut: string;
}

/** One line of the answer that never ends. */
export interface RowsMessage {
  readonly rows: readonly PageRow[];
  /** Entries that had left the log before this reader came to them, since its last message. */
  readonly missed: number;
  /** Rows that were left out here, since too many came at once; below 0 where some are told now that had been left out. */
  readonly skipped: number;
  /** Everything that was in the log before has been told. */
  readonly isLive: boolean;
}

/** Of a filter that cannot be read. */
export interface FilterMistake {
  readonly message: string;
  /** Where in the expression, from 0. */
  readonly position: number;
}

/** Names and values of fields. */
export type ShownField = readonly [name: string, value: string];

/** What may be seen of a body, and how. */
export interface BodyFacts {
  /** Bytes as they came. */
  readonly lengthBytes: number;
  /** Of these, those that are there. */
  readonly keptBytes: number;
  /** Content codings that are undone in what is shown. */
  readonly codings: readonly string[];
  /** Why what is shown is not the whole body; empty when it is. */
  readonly trouble: string;
  /** What it is by its own first bytes, whatever its head says. */
  readonly form: "text" | "image" | "binary";
  /** Of an image that a browser may show. */
  readonly imageType: string;
}

/** A request or a response. */
export interface MessageDetail {
  readonly firstLine: string;
  readonly fields: readonly ShownField[];
  readonly trailers: readonly ShownField[];
  readonly body: BodyFacts;
}

/** All that is known of a row. */
export interface Detail {
  readonly row: PageRow;
  readonly flow: FlowFacts;
  /** How an IDS sees the connection, where that differs: `--port-map` has changed its port. */
  readonly forged?: { readonly port: number; readonly communityId: string };
  /** Of HTTP both, of a WebSocket's message its own way. */
  readonly request?: MessageDetail;
  readonly response?: MessageDetail;
  /** Milliseconds up to the response's head, and from there to its end. */
  readonly waitMs: number;
  readonly receiveMs: number;
  readonly remarks: readonly string[];
}

/** Counts that only grow, now and then. */
export interface Sample {
  readonly timeMs: number;
  /** Captured, or of a collector written. */
  readonly bytes: number;
  readonly packets: number;
  /** Bytes of an agent's, packets of a collector's agents. */
  readonly lost: number;
}

export interface StatusMessage {
  /** Absent where what is shown was written before. */
  readonly report?: StatusReport;
  /** Of the last hour, oldest first. */
  readonly samples: readonly Sample[];
  /** Whether there is a list of requests. */
  readonly hasRows: boolean;
  /** Bytes of each body that are kept. */
  readonly bodyBytes: number;
  readonly showsSecrets: boolean;
}
