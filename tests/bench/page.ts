// SPDX-License-Identifier: MIT
/** How many frames a second the page draws while its list is scrolled. */
import { Page } from "../../net/page/listen.ts";
import { browserMissing, startBrowser, WatchedTab } from "../support/browser.ts";
import { scrollThrough } from "../support/scroll.ts";
import { filledLog } from "../support/written_log.ts";
import { spread } from "./measure.ts";
import type { BenchRow } from "./row.ts";

const ROWS = 100_000;
const ROUNDS = 5;
const ASKED = 30;

export async function benchPage(): Promise<BenchRow[]> {
  const name = `frames a second while ${ROWS} rows are scrolled`;
  const lacking = browserMissing();
  if (lacking !== undefined) return [{ name, value: `skipped: ${lacking}` }];
  const page = await Page.listen({ hostname: "127.0.0.1", port: 0, names: [] });
  const browser = await startBrowser();
  try {
    page.begin(filledLog(ROWS));
    const { tab } = await WatchedTab.open(browser, page.url);
    await tab.locator(`[role=grid][aria-rowcount="${ROWS + 1}"]`).waitFor();
    const rates: number[] = [];
    let longestMs = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const scrolled = await tab.locator("#rows").evaluate(scrollThrough);
      rates.push(scrolled.framesPerSecond);
      longestMs = Math.max(longestMs, scrolled.longestMs);
    }
    const { minimum, median, maximum } = spread(rates);
    return [{
      name,
      value: `${median.toFixed(0)} (${minimum.toFixed(0)} to ${maximum.toFixed(0)}), the longest ${
        longestMs.toFixed(0)
      } ms`,
      target: `>= ${ASKED}`,
      ok: median >= ASKED,
    }];
  } finally {
    await browser.close();
    await page.close();
  }
}
