// SPDX-License-Identifier: MIT
/** Rows as lines of JSON, for as long as somebody reads them. @module */
import type { Follower, Followers } from "../view/followers.ts";
import type { RowsMessage } from "./messages.ts";
import type { RowFeed } from "./rows.ts";

/** An empty line after so long without rows finds out whether anybody reads still. */
const ALIVE_MS = 10_000;

const encoder = new TextEncoder();

/** Reads no faster than its reader takes: what leaves the log meanwhile is told as missed. */
export class RowStream implements UnderlyingDefaultSource<Uint8Array<ArrayBuffer>>, Follower {
  readonly #feed: RowFeed;
  readonly #followers: Followers;
  readonly #released: () => void;
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  /** The reader waits for what comes. */
  #told: (() => void) | undefined;
  #toldMs = -Infinity;
  /** There was something new then, whether it was told or not. */
  #newsMs = -Infinity;
  #isOver = false;

  /** `released` is called once, when nothing more is read. */
  constructor(feed: RowFeed, followers: Followers, released: () => void) {
    this.#feed = feed;
    this.#followers = followers;
    this.#released = released;
  }

  start(controller: ReadableStreamDefaultController<Uint8Array>): void {
    this.#controller = controller;
    this.#followers.add(this);
  }

  async pull(): Promise<void> {
    while (!this.#feed.isLive && !this.#isOver) {
      const message = this.#feed.next();
      if (message !== undefined) return this.#tell(message, performance.now());
      await othersTurn();
    }
    if (this.#isOver) return;
    await new Promise<void>((resolve) => this.#told = resolve);
  }

  get readsAll(): boolean {
    return this.#feed.readsAll;
  }

  get dueMs(): number {
    return this.#newsMs + this.#feed.pauseMs;
  }

  look(nowMs: number): void {
    if (this.#told === undefined || nowMs < this.dueMs) return;
    const message = this.#feed.next();
    if (this.#feed.hadNews) this.#newsMs = nowMs;
    if (message === undefined && nowMs - this.#toldMs < ALIVE_MS) return;
    this.#tell(message, nowMs);
  }

  fail(error: unknown): void {
    this.#controller?.error(error);
    this.cancel();
  }

  cancel(): void {
    this.#controller = undefined;
    this.end();
  }

  /** Closes the stream. */
  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#followers.delete(this);
    this.#told?.();
    this.#controller?.close();
    this.#released();
  }

  #tell(message: RowsMessage | undefined, nowMs: number): void {
    const line = message === undefined ? "" : JSON.stringify(message);
    this.#toldMs = this.#newsMs = nowMs;
    this.#controller?.enqueue(encoder.encode(`${line}\n`));
    this.#told?.();
    this.#told = undefined;
  }
}

const othersTurn = () => new Promise<void>((resolve) => setTimeout(resolve, 0));
