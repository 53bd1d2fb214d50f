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
