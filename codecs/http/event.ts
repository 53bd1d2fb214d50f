// SPDX-License-Identifier: MIT
/**
 * HTTP without a version: what a reader of one version tells and a writer of another makes messages of.
 *
 * All fields and bytes are borrowed for the call.
 *
 * @module
 */
import type { Direction } from "../direction.ts";
import type { FieldList } from "./field_list.ts";

/** A valid request head. Numbers are positions in `fields`, -1 where there is no such field. */
export interface RequestHead {
  readonly fields: FieldList;
  readonly method: number;
  readonly target: number;
  readonly authority: number;
  /** Of an extended CONNECT (RFC 8441). */
  readonly protocol: number;
  /** The first field that is no pseudo-header. */
  readonly firstRegular: number;
  readonly doubt: Doubt;
}

/** A valid response head. */
export interface ResponseHead {
  readonly fields: FieldList;
  /** 100 to 999; 0 when the field was lost or has another value. */
  readonly status: number;
  readonly firstRegular: number;
  readonly doubt: Doubt;
}

/**
 * Why a head may be none that the receiver acted on: `resync`, it was found where frames seemed to begin again, and nothing has
 * confirmed that; `goaway`, the server had said before that it will not look at it. Empty when there is no doubt.
 */
export type Doubt = "" | "resync" | "goaway";

/** Why a message is not whole. */
export type Partial = "reset" | "gap" | "malformed" | "closed" | "bound" | "goaway";

/**
 * The life of exchanges. `Exchange` is the writer's own object: the reader only hands it back. For each exchange and
 * direction: one head, body and gaps, at most one `trailers`, then either `ended` or `truncated`; `aborted` ends both.
 */
export interface HttpEvents<Exchange> {
  /** A request begins. `pushed`: the server has promised it; nothing follows in its direction but `ended`. */
  request(streamId: number, head: RequestHead, pushed: boolean): Exchange;
  /** The request of this stream was not seen; response or body follow. */
  orphan(streamId: number): Exchange;
  /** An interim (1xx) response. */
  interim(exchange: Exchange, head: ResponseHead): void;
  response(exchange: Exchange, head: ResponseHead): void;
  /** The head that `response` told was that of an interim response. False when it is too late to know. */
  retract(exchange: Exchange): boolean;
  body(exchange: Exchange, direction: Direction, bytes: Uint8Array, start: number, end: number): void;
  bodyGap(exchange: Exchange, direction: Direction, lengthBytes: number): void;
  trailers(exchange: Exchange, direction: Direction, fields: FieldList): void;
  ended(exchange: Exchange, direction: Direction): void;
  /** What follows in this direction is missing, or is no part of the message. */
  truncated(exchange: Exchange, direction: Direction, why: Partial): void;
  /** The request has ended by a reset; a response may follow, or `aborted`, or `truncated` of it. */
  reset(exchange: Exchange): void;
  /** Nothing more comes in either direction. */
  aborted(exchange: Exchange, why: Partial): void;
  count(reason: string, amount?: number): void;
  /** Bytes of this direction that cannot be read as HTTP. */
  unreadable(direction: Direction, reason: string, bytes: Uint8Array): void;
}
