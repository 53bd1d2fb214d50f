// SPDX-License-Identifier: MIT
/** Debian's Chromium, driven by Playwright. */
import assert from "node:assert/strict";
import type { Browser, BrowserContext, Page as Tab } from "playwright-core";
import { missing } from "./run.ts";
import type { Reason } from "./skip.ts";

/** Why no browser can be driven. */
export const browserMissing = (): Reason => missing("chromium");

/** A busy machine may take so long for anything. */
const PATIENCE_MS = 120_000;

/** A browser at work, until it is disposed of. */
export async function startBrowser(): Promise<Browser> {
  // It is large, and most runs of tests have no browser.
  const { chromium } = await import("playwright-core");
  return await chromium.launch({ executablePath: "/usr/bin/chromium", timeout: PATIENCE_MS });
}

/** A tab that notes what no page of ours may do. */
export class WatchedTab {
  readonly tab: Tab;
  readonly #context: BrowserContext;
  readonly #faults: string[];

  private constructor(tab: Tab, context: BrowserContext, faults: string[]) {
    this.tab = tab;
    this.#context = context;
    this.#faults = faults;
  }

  /** Opens an address, in a profile of its own. */
  static async open(
    browser: Browser,
    url: string,
    options: Parameters<Browser["newContext"]>[0] = {},
  ): Promise<WatchedTab> {
    const context = await browser.newContext({ viewport: { width: 1280, height: 720 }, ...options });
    context.setDefaultTimeout(PATIENCE_MS);
    const tab = await context.newPage();
    const faults: string[] = [];
    tab.on("console", (message) => {
      // An answer such as 400 for a mistake in a filter is no fault of the page.
      const isAnswer = message.text().startsWith("Failed to load resource: the server responded");
      if (["error", "warning"].includes(message.type()) && !isAnswer) faults.push(message.text());
    });
    tab.on("pageerror", (error) => faults.push(String(error)));
    tab.on("dialog", async (dialog) => {
      faults.push(`dialog ${dialog.message()}`);
      await dialog.dismiss();
    });
    const { origin } = new URL(url);
    tab.on("request", (request) => {
      const isOwn = request.url().startsWith(`${origin}/`) || request.url().startsWith(`blob:${origin}/`);
      if (!isOwn) faults.push(`asked for ${request.url()}`);
    });
    await tab.goto(url);
    return new WatchedTab(tab, context, faults);
  }

  /** Throws when the page has broken its policy, thrown, asked others or opened a dialog. */
  check(): void {
    assert.deepEqual(this.#faults, []);
  }

  async close(): Promise<void> {
    await this.#context.close();
    this.check();
  }
}
