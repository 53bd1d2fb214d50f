// SPDX-License-Identifier: MIT
/** What readers of the log get: exchanges, messages and flows as objects, which are theirs. @module */
import type { FlowFacts } from "./flow_facts.ts";

/** Name and value of a field, as they came. */
export type Field = readonly [name: string, value: string];

/**
 * Why an exchange is not whole: its stream was `reset`, bytes were lost (`gap`), it is `malformed`, the connection `closed`, the reader
 * gave it up (`bound`), or the server said that it will not answer (`goaway`). Empty when it is whole.
 */
export type Cut = "" | "reset" | "gap" | "malformed" | "closed" | "bound" | "goaway";

/**
 * What else is to be known of an exchange: its request was not seen; it was found behind bytes that were lost or left out, where it may belong
 * to another message; readers may differ about where a message of it ends; the server promised it, unasked; fields of it were lost.
 */
export type Remark = "request-unseen" | "resynced" | "ambiguous-framing" | "pushed" | "lost-fields";

/** What people are told of each. */
export const REMARK_TEXTS: Readonly<Record<Remark, string>> = {
  "request-unseen": "its request was not seen",
  "resynced": "read on behind bytes that were lost or left out: it may belong to another message",
  "ambiguous-framing": "readers may differ about where one of its messages ends",
  "pushed": "promised by the server",
  "lost-fields": "some fields stood in what was lost",
};

/** A head, or trailers. */
export class HeadText {
  /** First line, without its end; empty for trailers. */
  readonly firstLine: string;
  /** In their order. */
  readonly fields: readonly Field[];

  /** Lines as they came; `hasFirstLine` tells a head from trailers. */
  constructor(text: string, hasFirstLine = true) {
    const lines = text.split(/\r?\n/);
    this.firstLine = hasFirstLine ? lines.shift() ?? "" : "";
    this.fields = lines.filter((line) => line !== "").map((line) => {
      const colon = line.indexOf(":", 1);
      return colon < 0 ? [line, ""] : [line.slice(0, colon), line.slice(colon + 1).trim()];
    });
  }

  /** The value of a field, whose name is given in lower case; empty when there is none. Of several the first. */
  get(name: string): string {
    return this.fields.find(([given]) => given.toLowerCase() === name)?.[1] ?? "";
  }
}

/** The method in a request's first line; `-` where there is none. */
export function methodIn(firstLine: string): string {
  return firstLine.split(" ", 1)[0] || "-";
}

/** The target in a request's first line: all between its method and its version, which may have blanks. */
export function targetIn(firstLine: string): string {
  const start = firstLine.indexOf(" ") + 1;
  if (start === 0) return "";
  const end = firstLine.lastIndexOf(" ");
  return firstLine.startsWith("HTTP/", end + 1)
    ? firstLine.slice(start, Math.max(start, end))
    : firstLine.slice(start);
}

/** Bytes of a body that were kept. */
export interface KeptBody {
  /** As they came: with their content codings. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Bytes that were not kept, or have left the log. */
  readonly missingBytes: number;
}

/** What everything in the log has. */
export interface EntryBase {
  /** Number of its row. */
  readonly number: number;
  /** The TLS session that it came in. */
  readonly flow: FlowFacts;
  /** Nanoseconds since the log's time base: its first byte. */
  readonly startNs: number;
  /** And its last. */
  readonly endNs: number;
}

/** A request with its response, but for heads and bodies. All texts are a peer's: they may have any character. */
export interface ExchangeRow extends EntryBase {
  /** Tells it from the others. */
  readonly kind: "exchange";
  /** `-` when the request was not seen. */
  readonly method: string;
  /** As the request says it. */
  readonly target: string;
  /** `Host` or `:authority`, else the server name. */
  readonly host: string;
  /** 0: no response was seen. */
  readonly status: number;
  /** As the first line says. */
  readonly version: "HTTP/1.0" | "HTTP/1.1" | "HTTP/2";
  /** Media type of the response's body, without parameters. */
  readonly type: string;
  /** Bytes of the request's body as they came, without framing. */
  readonly requestBytes: number;
  /** Bytes of the response's body. */
  readonly responseBytes: number;
  /** When the response began. */
  readonly responseNs: number;
  /** Why it is not whole. */
  readonly cut: Cut;
  /** Mostly none. */
  readonly remarks: readonly Remark[];
  /** Number of its stream in HTTP/2; else 0. */
  readonly stream: number;
}

/** All of it. */
export interface Exchange extends ExchangeRow {
  /** Empty when it was not seen. */
  readonly requestHead: HeadText;
  /** Of the final response. */
  readonly responseHead: HeadText;
  /** Behind the request's body. */
  readonly requestTrailers: HeadText;
  /** Behind the response's body. */
  readonly responseTrailers: HeadText;
  /** As far as it was kept. */
  readonly requestBody: KeptBody;
  /** As far as it was kept. */
  readonly responseBody: KeptBody;
}

/** A message of a WebSocket, but for what is in it. */
export interface MessageRow extends EntryBase {
  /** Tells it from the others. */
  readonly kind: "message";
  /** Which way it went. */
  readonly isToServer: boolean;
  /** 1 text, 2 binary, 8 close. */
  readonly opcode: number;
  /** Of what is in it. */
  readonly lengthBytes: number;
  /** Why it is not whole. */
  readonly cut: Cut;
}

/** With that, without mask and compression. */
export interface SocketMessage extends MessageRow {
  /** As far as it was kept. */
  readonly body: KeptBody;
}

/** A flow begins, or has ended. */
export interface FlowEntry extends EntryBase {
  /** Tells which. */
  readonly kind: "flow begin" | "flow end";
  /** Whether it was found to be HTTP. */
  readonly isHttp: boolean;
  /** Bytes to the server, lost ones included. */
  readonly toServer: number;
  /** Bytes to the client. */
  readonly toClient: number;
}

/** Anything in the log. */
export type Entry = Exchange | SocketMessage | FlowEntry;

/** Anything in the log, but for heads and bodies. */
export type Row = ExchangeRow | MessageRow | FlowEntry;
