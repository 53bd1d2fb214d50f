// SPDX-License-Identifier: MIT
/** Times of the log on the wall clock. @module */

/** Nanoseconds since 1970, of a time that counts from `timeBaseNs`. */
export function absoluteTime(timeBaseNs: bigint, timeNs: number): bigint {
  return timeBaseNs + BigInt(Math.round(timeNs));
}
