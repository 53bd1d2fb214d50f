// SPDX-License-Identifier: MIT
/// <reference lib="dom" />
/** Scrolling in a browser. */

/** How that went. */
export interface Scrolled {
  readonly framesPerSecond: number;
  readonly longestMs: number;
}

/** Runs in the browser: scrolls a list to its end in so many frames. */
export async function scrollThrough(list: Element): Promise<Scrolled> {
  const FRAMES = 60;
  const frame = () => new Promise<number>((resolve) => requestAnimationFrame(resolve));
  const begunMs = await frame();
  let [lastMs, longestMs] = [begunMs, 0];
  for (let at = 1; at <= FRAMES; at++) {
    list.scrollTop = (list.scrollHeight - list.clientHeight) * at / FRAMES;
    const nowMs = await frame();
    longestMs = Math.max(longestMs, nowMs - lastMs);
    lastMs = nowMs;
  }
  return { framesPerSecond: 1000 * FRAMES / (lastMs - begunMs), longestMs };
}
