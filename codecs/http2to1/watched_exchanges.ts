// SPDX-License-Identifier: MIT
/** Exchanges that somebody else is told of, too, while they are rewritten. @module */
import { type Direction, TO_SERVER } from "../direction.ts";
import type { HttpEvents, Partial, RequestHead, ResponseHead } from "../http/event.ts";
import type { FieldList } from "../http/field_list.ts";
import { type Exchange, UNWATCHED } from "./exchange.ts";

/** Who is told; knows exchanges by numbers of its own, from 0. */
export interface ExchangeWatcher extends HttpEvents<number> {
  /** When what is told next came. */
  timeNs: number;
}

/** Stands between a connection and the exchanges that are written of it. */
export class WatchedExchanges implements HttpEvents<Exchange> {
  #watcher: ExchangeWatcher | undefined;

  /** A watcher that throws ends the watching alone; `failed` is told. */
  constructor(
    readonly exchanges: HttpEvents<Exchange>,
    watcher: ExchangeWatcher,
    readonly failed: (error: unknown) => void,
  ) {
    this.#watcher = watcher;
  }

  set timeNs(timeNs: number) {
    if (this.#watcher !== undefined) this.#watcher.timeNs = timeNs;
  }

  /** Tells the watcher no more; exchanges that are `open` end for it. */
  end(open: Iterable<Exchange>): void {
    for (const exchange of open) {
      if (exchange.watched !== UNWATCHED) {
        this.#tell((watcher) => watcher.aborted(exchange.watched, "bound"));
        exchange.watched = UNWATCHED;
      }
    }
    this.#watcher = undefined;
  }

  request(streamId: number, head: RequestHead, pushed: boolean): Exchange {
    const exchange = this.exchanges.request(streamId, head, pushed);
    this.#tell((watcher) => exchange.watched = watcher.request(streamId, head, pushed));
    return exchange;
  }

  orphan(streamId: number): Exchange {
    const exchange = this.exchanges.orphan(streamId);
    this.#tell((watcher) => exchange.watched = watcher.orphan(streamId));
    return exchange;
  }

  interim(exchange: Exchange, head: ResponseHead): void {
    this.exchanges.interim(exchange, head);
    this.#tellOf(exchange, (watcher) => watcher.interim(exchange.watched, head));
  }

  response(exchange: Exchange, head: ResponseHead): void {
    this.exchanges.response(exchange, head);
    this.#tellOf(exchange, (watcher) => watcher.response(exchange.watched, head));
  }

  retract(exchange: Exchange): boolean {
    if (!this.exchanges.retract(exchange)) return false;
    this.#tellOf(exchange, (watcher) => watcher.retract(exchange.watched));
    return true;
  }

  body(exchange: Exchange, direction: Direction, bytes: Uint8Array, start: number, end: number): void {
    this.exchanges.body(exchange, direction, bytes, start, end);
    this.#tellOf(exchange, (watcher) => watcher.body(exchange.watched, direction, bytes, start, end));
  }

  bodyGap(exchange: Exchange, direction: Direction, lengthBytes: number): void {
    this.exchanges.bodyGap(exchange, direction, lengthBytes);
    this.#tellOf(exchange, (watcher) => watcher.bodyGap(exchange.watched, direction, lengthBytes));
  }

  trailers(exchange: Exchange, direction: Direction, fields: FieldList): void {
    this.exchanges.trailers(exchange, direction, fields);
    this.#tellOf(exchange, (watcher) => watcher.trailers(exchange.watched, direction, fields));
  }

  ended(exchange: Exchange, direction: Direction): void {
    this.exchanges.ended(exchange, direction);
    if (exchange.watched === UNWATCHED) return;
    this.#tell((watcher) => watcher.ended(exchange.watched, direction));
  }

  truncated(exchange: Exchange, direction: Direction, why: Partial): void {
    this.exchanges.truncated(exchange, direction, why);
    if (exchange.watched === UNWATCHED) return;
    this.#tell((watcher) => watcher.truncated(exchange.watched, direction, why));
  }

  reset(exchange: Exchange): void {
    this.exchanges.reset(exchange);
    if (exchange.watched !== UNWATCHED) this.#tell((watcher) => watcher.reset(exchange.watched));
  }

  aborted(exchange: Exchange, why: Partial): void {
    this.exchanges.aborted(exchange, why);
    if (exchange.watched !== UNWATCHED) this.#tell((watcher) => watcher.aborted(exchange.watched, why));
  }

  count(reason: string, amount?: number): void {
    this.exchanges.count(reason, amount);
    this.#tell((watcher) => watcher.count(reason, amount));
  }

  unreadable(direction: Direction, reason: string, bytes: Uint8Array): void {
    this.exchanges.unreadable(direction, reason, bytes);
    this.#tell((watcher) => watcher.unreadable(direction, reason, bytes));
  }

  /** Of an exchange that began before the watching the request is not told: it is one without. */
  #tellOf(exchange: Exchange, call: (watcher: ExchangeWatcher) => void): void {
    if (exchange.watched === UNWATCHED) {
      this.#tell((watcher) => {
        exchange.watched = watcher.orphan(exchange.streamId);
        if (exchange.request.ended) watcher.ended(exchange.watched, TO_SERVER);
      });
    }
    this.#tell(call);
  }

  #tell(call: (watcher: ExchangeWatcher) => void): void {
    if (this.#watcher === undefined) return;
    try {
      call(this.#watcher);
    } catch (error) {
      this.#watcher = undefined;
      this.failed(error);
    }
  }
}
