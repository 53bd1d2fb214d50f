// SPDX-License-Identifier: MIT
/**
 * What goes to those who look at exchanges from another process: lines of JSON. The first is a {@linkcode FeedBegin}, then rows come as
 * they end, and a {@linkcode FeedTick} behind those that came together, or every second.
 *
 * @module
 */
import {
  type Exchange,
  type ExchangeRow,
  type FlowEntry,
  HeadText,
  type KeptBody,
  type MessageRow,
  type Row,
  type SocketMessage,
} from "./exchange.ts";
import { LoggedExchange } from "./log_row.ts";
import { shownField, withoutSecrets } from "./secrets.ts";

/** What holds for all of them. */
export interface FeedBegin {
  readonly kind: "begin";
  /** Milliseconds since 1970 that times of rows count from. */
  readonly timeBaseMs: number;
  /** Bytes of each body that are kept. */
  readonly bodyBytes: number;
  readonly showsSecrets: boolean;
}

/** An exchange without heads and bodies; secrets in its target are hidden unless the agent shows them. */
export interface ExchangeLine extends ExchangeRow {
  /** Of gRPC; absent for all else. */
  readonly grpcStatus?: string;
}

/** What was sent and what was not, since the feed began. */
export interface FeedTick {
  readonly kind: "tick";
  /** Milliseconds since 1970. */
  readonly nowMs: number;
  /** All that ended, chosen or not. */
  readonly counts: FeedCounts;
  /** Rows that were chosen and not sent, since more came than were asked for. */
  readonly skipped: number;
  /** Rows that had left the log before they were looked at. */
  readonly missed: number;
  /** Rows that are still to be looked at. */
  readonly waiting: number;
}

export interface FeedCounts {
  readonly exchanges: number;
  /** Without a response, then 1xx to 5xx. */
  readonly statuses: readonly number[];
  /** Exchanges that are not whole. */
  readonly cut: number;
  /** Of WebSockets. */
  readonly messages: number;
  /** Sessions that ended. */
  readonly flows: number;
  /** Bytes of the bodies of exchanges. */
  readonly bytes: number;
}

export type FeedLine = FeedBegin | FeedTick | ExchangeLine | MessageRow | FlowEntry;

/** A row with its heads, and its bodies as they came in base64, secrets hidden likewise. */
export interface ExchangeDetail extends ExchangeLine {
  readonly requestHead: string;
  readonly responseHead: string;
  readonly requestTrailers: string;
  readonly responseTrailers: string;
  readonly requestBody: BodyData;
  readonly responseBody: BodyData;
}

export interface MessageDetail extends MessageRow {
  readonly body: BodyData;
}

export interface BodyData {
  readonly base64: string;
  readonly missingBytes: number;
}

/** The line of a row, as an object. */
export function rowLine(row: Row, showsSecrets: boolean): ExchangeLine | MessageRow | FlowEntry {
  const { number, flow, startNs, endNs } = row;
  if (row.kind === "exchange") return exchangeLine(row, showsSecrets);
  if (row.kind !== "message") return row;
  const { kind, isToServer, opcode, lengthBytes, cut } = row;
  return { kind, number, flow, startNs, endNs, isToServer, opcode, lengthBytes, cut };
}

function exchangeLine(row: ExchangeRow, showsSecrets: boolean): ExchangeLine {
  const { number, flow, startNs, endNs, responseNs, method, host, status, version, type } = row;
  const { requestBytes, responseBytes, cut, remarks, stream } = row;
  return {
    ...{ kind: "exchange", number, flow, startNs, endNs, responseNs, method, host, status, version, type },
    ...{ requestBytes, responseBytes, cut, remarks, stream },
    target: showsSecrets ? row.target : withoutSecrets(row.target),
    ...type.startsWith("application/grpc") && row instanceof LoggedExchange
      ? { grpcStatus: row.responseTrailers.get("grpc-status") || row.responseHead.get("grpc-status") }
      : {},
  };
}

export function exchangeDetail(exchange: Exchange, showsSecrets: boolean): ExchangeDetail {
  const head = (text: HeadText) => shownHead(text, showsSecrets);
  return {
    ...exchangeLine(exchange, showsSecrets),
    requestHead: head(exchange.requestHead),
    responseHead: head(exchange.responseHead),
    requestTrailers: head(exchange.requestTrailers),
    responseTrailers: head(exchange.responseTrailers),
    requestBody: bodyData(exchange.requestBody),
    responseBody: bodyData(exchange.responseBody),
  };
}

export function messageDetail(message: SocketMessage): MessageDetail {
  return { ...rowLine(message, false) as MessageRow, body: bodyData(message.body) };
}

/** The exchange that such a detail tells of. */
export function exchangeOf(detail: ExchangeDetail): Exchange {
  const { requestHead, responseHead, requestTrailers, responseTrailers } = detail;
  return {
    ...detail,
    requestHead: new HeadText(requestHead),
    responseHead: new HeadText(responseHead),
    requestTrailers: new HeadText(requestTrailers, false),
    responseTrailers: new HeadText(responseTrailers, false),
    requestBody: keptBody(detail.requestBody),
    responseBody: keptBody(detail.responseBody),
  };
}

/** The message that such a detail tells of. */
export function messageOf(detail: MessageDetail): SocketMessage {
  return { ...detail, body: keptBody(detail.body) };
}

function shownHead({ firstLine, fields }: HeadText, showsSecrets: boolean): string {
  const first = showsSecrets ? firstLine : withoutSecrets(firstLine);
  const lines = fields.map((field) => shownField(field, showsSecrets).join(": "));
  return [...firstLine === "" ? [] : [first], ...lines].join("\n");
}

function bodyData({ bytes, missingBytes }: KeptBody): BodyData {
  return { base64: bytes.toBase64(), missingBytes };
}

function keptBody({ base64, missingBytes }: BodyData): KeptBody {
  return { bytes: Uint8Array.fromBase64(base64), missingBytes };
}
