// SPDX-License-Identifier: MIT
/** Exchanges of a running agent for who asks, by code that is loaded when somebody does. @module */
import type { ExchangeFeed, FeedOptions } from "../view/feed.ts";

/** What may be asked of it; a number behind the first asks for one exchange. */
export const LIVE_PATHS: readonly string[] = ["/exchanges", "/flows"];

export class LiveFeed {
  readonly #options: FeedOptions;
  #feed: ExchangeFeed | undefined;

  constructor(options: FeedOptions) {
    this.#options = options;
  }

  /** See feed_answer.ts; undefined for what is asked of others. */
  async answer(url: URL): Promise<Response | undefined> {
    if (!/^\/(exchanges|flows)(\/|$)/.test(url.pathname)) return undefined;
    const [{ ExchangeFeed }, { answerFeed }] = await Promise.all([
      import("../view/feed.ts"),
      import("../view/feed_answer.ts"),
    ]);
    return answerFeed(this.#feed ??= new ExchangeFeed(this.#options), url);
  }

  /** Ends what is followed. */
  close(): void {
    this.#feed?.close();
  }
}
