// SPDX-License-Identifier: MIT
/** One request with its response, on its way to a lane. @module */
import type { Lane } from "../codec.ts";
import { TO_CLIENT, TO_SERVER } from "../direction.ts";
import type { BytePool } from "../http1/byte_pool.ts";
import type { RequestKind } from "../http1/head.ts";
import { Message } from "../http1/message.ts";
import type { RawBytes } from "./raw_bytes.ts";

/** What an exchange costs in memory besides the bytes it holds. */
export const EXCHANGE_OVERHEAD_BYTES = 1024;

/** Of an exchange that no watcher was told of. */
export const UNWATCHED = -1;

/**
 * ```
 * HEADLESS ──head──▶ WAITING ──own lane──▶ STREAMING ◀──end of the call──▶ DIRTY
 *    │               │  ▲  │                   │       more to write        │
 *    │          reset│  │  │both ended         │both ended                  │
 *    │               ▼  │answered              ▼                            │
 *    │            SUSPENDED ─────────────▶ CLOSED ◀──────────────────────────┘
 *    │               │                      ▲ ▲
 *    │               └──ended──▶ FOLDED ────┘ │
 *    └────────────────────────────────────────┘
 * ```
 */
export const ExchangeState = {
  /** Its request was not seen, and no response: there is nothing to write. */
  HEADLESS: 0,
  /** Nothing is written yet. */
  WAITING: 1,
  /** Nothing is written, the request was reset and nothing of a response has come: it gets no lane of its own. */
  SUSPENDED: 2,
  /** On a lane of its own: what comes is written. */
  STREAMING: 3,
  /** On a lane of its own, with something to write at the end of the call. */
  DIRTY: 4,
  /** Nothing more comes. It waits to be written for all that are the same. */
  FOLDED: 5,
  /** Nothing more is written. */
  CLOSED: 6,
} as const;
export type ExchangeState = typeof ExchangeState[keyof typeof ExchangeState];

/** What becomes of a CONNECT of either kind: `UNDECIDED ──2xx──▶ OPEN`, or `──else──▶ REFUSED`. */
export const Tunnel = {
  /** No CONNECT. */
  NONE: 0,
  /** Not answered: its bytes must wait. */
  UNDECIDED: 1,
  /** What follows is opaque. */
  OPEN: 2,
  REFUSED: 3,
} as const;
export type Tunnel = typeof Tunnel[keyof typeof Tunnel];

export class Exchange {
  state: ExchangeState = ExchangeState.HEADLESS;
  tunnel: Tunnel = Tunnel.NONE;
  readonly request = new Message(TO_SERVER);
  readonly response = new Message(TO_CLIENT);
  kind: RequestKind = "ordinary";
  /** Promised by the server, not asked for by the client. */
  pushed = false;
  /** The lane of its own, while there is one; else 0. */
  lane: Lane = 0;
  /** Why it must not share a lane; empty when it may. */
  apart = "";
  /** Its heads repeat more of HPACK's table than their bytes have earned. */
  isDear = false;
  /** Protocol of an extended CONNECT. */
  protocol: Uint8Array | undefined;
  /** Field lines of interim responses. */
  interim: Uint8Array | undefined;
  /** Fields of interim responses that are not among those. */
  interimLeftOut = 0;
  /** Bytes counted against the flow's bound. */
  heldBytes = 0;
  /** Body bytes of messages whose head was not seen. */
  raw: RawBytes | undefined;
  /** The number by which who watches knows it. */
  watched = UNWATCHED;

  constructor(readonly streamId: number, readonly openedNs: number) {}

  /** Whether nothing more comes of it. */
  get isClosed(): boolean {
    return this.state >= ExchangeState.FOLDED;
  }

  /** Whether it is written as it comes, on a lane of its own. */
  get hasLane(): boolean {
    return this.state === ExchangeState.STREAMING || this.state === ExchangeState.DIRTY;
  }

  /** Whether its request was seen, and nothing that answers it. */
  get isUnanswered(): boolean {
    return this.request.hasHead && !this.response.hasHead;
  }

  get hasEnded(): boolean {
    return this.request.ended && this.response.ended;
  }

  /** Whether the message's end is known without having been seen. */
  hasWhole(message: Message): boolean {
    return message.ended || (this.tunnel === Tunnel.NONE && message.isComplete);
  }

  /** Whether nothing of either message is missing. */
  get isWhole(): boolean {
    return this.hasWhole(this.request) && this.hasWhole(this.response);
  }

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
}
