// SPDX-License-Identifier: MIT
/** What a parser answers. @module */

/**
 * One of three: a value and how many bytes it took, too few bytes yet, or bytes that can never become a value.
 * `bytesNeeded` counts from where parsing began and is a lower bound: with fewer bytes the answer stays `more`.
 */
export type Parsed<T> =
  | { readonly state: "value"; readonly value: T; readonly bytesUsed: number }
  | { readonly state: "more"; readonly bytesNeeded: number }
  | { readonly state: "malformed"; readonly reason: string };

export function parsed<T>(value: T, bytesUsed: number): Parsed<T> {
  return { state: "value", value, bytesUsed };
}

export function needMore(bytesNeeded: number): Parsed<never> {
  return { state: "more", bytesNeeded };
}

export function malformed(reason: string): Parsed<never> {
  return { state: "malformed", reason };
}
