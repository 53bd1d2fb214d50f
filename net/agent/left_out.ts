// SPDX-License-Identifier: MIT
/** Reasons for which clear text is not mirrored, and which are no losses. @module */

/** Clear text that is left out because somebody chose so, or because it is mirrored elsewhere. */
export const LEFT_OUT: ReadonlySet<string> = new Set([
  "skipped",
  "not-on-interface",
  "unix-socket",
  "other-end-mirrored",
  "told-before",
]);
