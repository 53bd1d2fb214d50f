// SPDX-License-Identifier: MIT
/** TCP sequence numbers: 32 bits, compared modulo 2^32 (RFC 9293 section 3.4). @module */

declare const brand: unique symbol;

/** 0 to 2^32 - 1. Made by the functions here only, so that nothing adds to one without wrapping. */
export type SequenceNumber = number & { readonly [brand]: true };

/** The low 32 bits of `value`, a whole number of any sign within 2^53. */
export function sequenceNumber(value: number): SequenceNumber {
  return (value >>> 0) as SequenceNumber;
}

/** `length` bytes further on (or back when negative); `length` is a whole number within 2^53. */
export function sequenceAdd(from: SequenceNumber, length: number): SequenceNumber {
  return ((from + length) >>> 0) as SequenceNumber;
}

/**
 * Bytes from `from` to `to`, -2^31 to 2^31 - 1: positive when `to` is the later one. Right as long as the two are
 * less than 2^31 apart.
 */
export function sequenceDistance(from: SequenceNumber, to: SequenceNumber): number {
  return (to - from) | 0;
}

/** Whether `a` comes before `b`. */
export function sequenceBefore(a: SequenceNumber, b: SequenceNumber): boolean {
  return sequenceDistance(a, b) > 0;
}
