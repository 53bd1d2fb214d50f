// SPDX-License-Identifier: MIT
/** One flow of `http2to1`. @module */
import type { CodecFlow, CodecOutput, CodecSession } from "../codec.ts";
import type { Direction } from "../direction.ts";
import type { ByteWriter } from "../http1/byte_writer.ts";
import type { MessageWriter } from "../http1/message_writer.ts";
import { type ConnectionLimits, Http2Connection, type SharedByConnections } from "../http2/connection.ts";
import type { Exchange } from "./exchange.ts";
import { Exchanges } from "./exchanges.ts";
import type { MemoryAccount, MemoryBudget } from "../memory_budget.ts";
import { type ExchangeWatcher, WatchedExchanges } from "./watched_exchanges.ts";
import type { LanePolicy } from "./options.ts";

/** What all flows of a codec share. */
export interface SharedByFlows {
  readonly options: LanePolicy & ConnectionLimits;
  readonly connections: SharedByConnections;
  /** Borrowed for a call. */
  readonly writing: { readonly head: ByteWriter; readonly writer: MessageWriter };
  readonly memory: MemoryBudget;
}

export class Http2To1Session implements CodecSession {
  readonly #exchanges: Exchanges;
  readonly #connection: Http2Connection<Exchange>;
  readonly #account: MemoryAccount;
  readonly #ended: [boolean, boolean] = [false, false];
  #watched: WatchedExchanges | undefined;

  constructor(
    flow: CodecFlow,
    readonly output: CodecOutput,
    { options, connections, writing, memory }: SharedByFlows,
  ) {
    this.#exchanges = new Exchanges(output, options, writing);
    this.#connection = new Http2Connection(this.#exchanges, connections, options, flow.joinedLate);
    this.#account = memory.open((lengthBytes) => this.#giveWay(lengthBytes));
  }

  /**
   * Tells `watcher` from now on what is read of the flow, so that it need not be read twice: of exchanges that are open, what follows.
   * One at a time; what it throws ends the watching, and `failed` is told.
   */
  watch(watcher: ExchangeWatcher, failed: (error: unknown) => void): void {
    this.#watched = new WatchedExchanges(this.#exchanges, watcher, failed);
    this.#connection.events = this.#watched;
  }

  /** Tells the watcher no more: exchanges that are open have ended for it. */
  unwatch(): void {
    this.#watched?.end(this.#connection.exchanges());
    this.#watched = undefined;
    this.#connection.events = this.#exchanges;
  }

  data(direction: Direction, bytes: Uint8Array, timeNs: number): void {
    this.#call(timeNs, () => this.#connection.data(direction, bytes));
  }

  gap(direction: Direction, lengthBytes: number, timeNs: number): void {
    this.#call(timeNs, () => {
      this.#connection.gap(direction, lengthBytes);
      this.#exchanges.rawGap(direction, lengthBytes);
    });
  }

  end(direction: Direction, timeNs: number): void {
    const ended = this.#ended;
    if (ended[direction]) return;
    ended[direction] = true;
    this.#call(timeNs, () => this.#connection.end(direction));
    if (!ended[0] || !ended[1]) return;
    this.#account.close();
    this.#exchanges.close();
  }

  tick(timeNs: number): void {
    this.#call(timeNs, () => {});
  }

  /** What comes with one call, and what time has brought about. */
  #call(timeNs: number, use: () => void): void {
    const { lanes } = this.#exchanges;
    try {
      this.#exchanges.timeNs = timeNs;
      if (this.#watched !== undefined) this.#watched.timeNs = timeNs;
      this.#connection.advance(timeNs);
      use();
      lanes.flush();
      lanes.age(timeNs);
    } catch (error) {
      // The flow goes on without this session.
      this.#account.close();
      this.unwatch();
      throw error;
    }
    this.#account.settle(this.#heldBytes);
  }

  get #heldBytes(): number {
    return this.#exchanges.lanes.heldBytes + this.#connection.heldBytes;
  }

  /** Lets so many bytes go, exchanges that wait before streams; returns what is still held. */
  #giveWay(lengthBytes: number): number {
    const { lanes } = this.#exchanges;
    this.output.count("memory-over-bound");
    const target = this.#heldBytes - lengthBytes;
    lanes.giveWay(lengthBytes);
    this.#connection.giveWay(this.#heldBytes - target);
    lanes.flush();
    return this.#heldBytes;
  }
}
