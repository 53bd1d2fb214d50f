// SPDX-License-Identifier: MIT
/** One request with its response, on its way to a lane. @module */
import type { Lane } from "../codec.ts";
import type { BytePool } from "../http1/byte_pool.ts";
import { Message } from "../http1/message.ts";
import type { RequestKind } from "../http1/head.ts";
import type { RawLane } from "./raw_lane.ts";

/** What an exchange costs in memory besides the bytes it holds. */
export const EXCHANGE_OVERHEAD_BYTES = 1024;

/** {@linkcode Exchange.lane} of one of which nothing is written yet. */
export const WAITING: Lane = -1;

export class Exchange {
  readonly request = new Message(0);
  readonly response = new Message(1);
  kind: RequestKind = "ordinary";
  /** Promised by the server, not asked for by the client. */
  pushed = false;
  lane: Lane = WAITING;
  /** Why it must not share a lane; empty when it may. */
  apart = "";
  /** Protocol of an extended CONNECT. */
  protocol: Uint8Array | undefined;
  /** A CONNECT, answered with success: what follows is opaque. */
  tunnel = false;
  /** Field lines of interim responses. */
  interim: Uint8Array | undefined;
  /** Bytes counted against the flow's bound. */
  heldBytes = 0;
  /** Nothing more is taken. */
  closed = false;
  /** Waits to be written at the end of the call. */
  dirty = false;
  /** Body bytes of messages whose head was not seen. */
  raw: RawLane | undefined;

  constructor(readonly streamId: number, readonly openedNs: number) {}

  /** What it takes on a lane so far, framing apart. */
  get contentBytes(): number {
    const { request, response } = this;
    return request.headLength + request.sizeBytes + (request.trailers?.length ?? 0) +
      response.headLength + response.sizeBytes + (response.trailers?.length ?? 0);
  }

  /** Memory that it takes, bookkeeping apart. */
  get keptBytes(): number {
    return this.request.heldBytes + this.response.heldBytes + (this.interim?.length ?? 0) +
      (this.protocol?.length ?? 0);
  }

  /** Gives up what it keeps: it stays known for as long as its stream is open. */
  discard(pool: BytePool): void {
    this.request.discard(pool);
    this.response.discard(pool);
    this.interim = this.protocol = undefined;
  }

  /** CONNECT of either kind that has not been answered: its bytes must wait. */
  get undecidedTunnel(): boolean {
    return (this.kind === "connect" || this.kind === "upgrade") && !this.response.hasHead;
  }
}
