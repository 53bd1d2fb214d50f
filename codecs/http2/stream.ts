// SPDX-License-Identifier: MIT
/** One stream of an HTTP/2 connection, as far as it was seen. @module */

/**
 * One direction of a stream:
 *
 * ```
 * HEAD ─────head────▶ BODY ───END_STREAM───▶ ENDED
 *  │ ◀──retracted───   │                       ▲
 *  │ bytes lost        │ bytes lost            │ END_STREAM, reset or end of the direction,
 *  ▼                   ▼                       │ from every state
 * LOST_HEAD ──head──▶ LOST ────────────────────┘
 *    ◀──retracted───
 * ```
 * A head is retracted when it turns out to be that of an interim response. A request begins with BODY, or with HEAD for
 * ever where its head was not seen.
 */
export const StreamState = {
  /** No head was seen. */
  HEAD: 0,
  /** Nor was all of what came before it: what follows has no known place. */
  LOST_HEAD: 1,
  /** The head was seen; body and trailers follow. */
  BODY: 2,
  /** Bytes of the body were lost: what follows has no known place. */
  LOST: 3,
  /** END_STREAM was seen, or what is left cannot be known. */
  ENDED: 4,
} as const;
export type StreamState = typeof StreamState[keyof typeof StreamState];

/** Whether bytes of the direction were lost, so that no more of its body is told. */
export const isLost = (state: StreamState): boolean =>
  state === StreamState.LOST || state === StreamState.LOST_HEAD;

/** Whether a direction that has not ended still lacks its head. */
export const lacksHead = (state: StreamState): boolean =>
  state === StreamState.HEAD || state === StreamState.LOST_HEAD;

/** A stream that is neither ended nor reset. */
export interface Stream<Exchange> {
  readonly id: number;
  /** Absent for a refused one: what belongs to it is passed over. */
  exchange: Exchange | undefined;
  /** The request's head was not seen; whether the request has ended is not known either. */
  readonly isOrphan: boolean;
  readonly states: [toServer: StreamState, toClient: StreamState];
  /** How many frame boundaries the connection had had to look for when it began. */
  readonly boundariesFound: number;
  /** The response's head was told with a lost status, and no body has come: it may have been an interim one. */
  mayBeInterim: boolean;
  /** When it was reset with the response still to come. */
  resetNs: number;
}
