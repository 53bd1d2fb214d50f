// SPDX-License-Identifier: MIT
/** A connection of HTTP/2 into the exchange log, by the codec's own reader. @module */
import { type Direction, TO_CLIENT, TO_SERVER } from "../../codecs/direction.ts";
import {
  type ConnectionLimits,
  DEFAULT_LIMITS,
  Http2Connection,
  type SharedByConnections,
} from "../../codecs/http2/connection.ts";
import type { MemoryAccount } from "../../codecs/memory_budget.ts";
import { Http2Rows } from "./http2_rows.ts";
import { Protocol } from "./log_layout.ts";
import type { ProtocolView, ViewContext } from "./protocol_view.ts";

/** Half of the codec's: what is read here is read for people. */
const LIMITS: ConnectionLimits = { ...DEFAULT_LIMITS, maxStreams: DEFAULT_LIMITS.maxStreams / 2 };

export class Http2View implements ProtocolView {
  readonly protocol = Protocol.HTTP_2;
  readonly #rows: Http2Rows;
  readonly #connection: Http2Connection<number>;
  readonly #account: MemoryAccount;

  constructor(context: ViewContext, connections: SharedByConnections, joinedLate: boolean) {
    this.#rows = new Http2Rows(context);
    this.#connection = new Http2Connection<number>(this.#rows, connections, LIMITS, joinedLate);
    this.#account = context.memory.open((lengthBytes) => {
      this.#connection.giveWay(lengthBytes);
      return this.#connection.heldBytes;
    });
  }

  data(direction: Direction, bytes: Uint8Array, timeNs: number): void {
    this.#advance(timeNs);
    this.#connection.data(direction, bytes);
    this.#account.settle(this.#connection.heldBytes);
  }

  gap(direction: Direction, lengthBytes: number, timeNs: number): void {
    this.#advance(timeNs);
    this.#connection.gap(direction, lengthBytes);
  }

  end(timeNs: number): void {
    this.#rows.timeNs = timeNs;
    this.#connection.end(TO_SERVER);
    this.#connection.end(TO_CLIENT);
    this.#account.close();
  }

  #advance(timeNs: number): void {
    this.#rows.timeNs = timeNs;
    this.#connection.advance(timeNs);
  }
}
