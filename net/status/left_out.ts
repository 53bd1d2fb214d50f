// SPDX-License-Identifier: MIT
/** Reasons for which clear text is not mirrored, and which are no losses. @module */

/** Clear text that was met a second time and is mirrored once, with the words for it that people read. */
const REPEATS: Readonly<Record<string, string>> = {
  "other-end-mirrored": "told by the other end",
  "told-before": "told before",
};

/** Clear text that is left out because somebody chose so, or because it is mirrored elsewhere. */
export const LEFT_OUT: ReadonlySet<string> = new Set([
  "skipped",
  "not-on-interface",
  "unix-socket",
  ...Object.keys(REPEATS),
]);

/** Whether clear text that was left out for `reason` is in the mirror all the same. */
export function isRepeat(reason: string): boolean {
  return Object.hasOwn(REPEATS, reason);
}

/** A reason of the books as people read it; of what is no repeat the reason itself. */
export function repeatText(reason: string): string {
  return isRepeat(reason) ? REPEATS[reason] : reason;
}
