// SPDX-License-Identifier: MIT
/** Copying short runs of bytes. @module */

/** Copies below this by a loop: for the lengths that header fields have it beats the views that `set` needs. */
const LOOP_MAX_BYTES = 48;

/** Copies `source[start, end)` to `target` from `at` on. */
export function copyBytes(
  source: Uint8Array,
  start: number,
  end: number,
  target: Uint8Array,
  at: number,
): void {
  if (end - start > LOOP_MAX_BYTES) target.set(source.subarray(start, end), at);
  else for (let i = start; i < end; i++) target[at++] = source[i];
}
