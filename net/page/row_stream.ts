// SPDX-License-Identifier: MIT
/** Rows as lines of JSON, for as long as somebody reads them. @module */
import type { RowFeed } from "./rows.ts";

/** Before each look for rows that come. */
const LOOK_MS = 250;
/** An empty line after so long without rows finds out whether anybody reads still. */
const ALIVE_MS = 10_000;

const encoder = new TextEncoder();

/** Reads no faster than its reader takes: what leaves the log meanwhile is told as missed. */
export class RowStream implements UnderlyingDefaultSource<Uint8Array<ArrayBuffer>> {
  readonly #feed: RowFeed;
  readonly #released: () => void;
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  #wake = () => {};
  #isOver = false;

  /** `released` is called once, when nothing more is read. */
  constructor(feed: RowFeed, released: () => void) {
    this.#feed = feed;
    this.#released = released;
  }

  start(controller: ReadableStreamDefaultController<Uint8Array>): void {
    this.#controller = controller;
  }

  async pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    for (let waitedMs = 0; !this.#isOver; waitedMs += LOOK_MS) {
      if (this.#feed.isLive) await this.#pause();
      if (this.#isOver) return;
      const message = this.#feed.next();
      if (message !== undefined || waitedMs >= ALIVE_MS) {
        const line = message === undefined ? "" : JSON.stringify(message);
        return controller.enqueue(encoder.encode(`${line}\n`));
      }
    }
  }

  cancel(): void {
    this.#controller = undefined;
    this.end();
  }

  /** Closes the stream. */
  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#wake();
    this.#controller?.close();
    this.#released();
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, LOOK_MS);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
