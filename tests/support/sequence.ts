// SPDX-License-Identifier: MIT
/** Sequence numbers as a reader of packets compares them (RFC 9293 section 3.4). @module */
import type { SequenceNumber } from "../../net/wire/seq.ts";

/**
 * Bytes from `from` to `to`, -2^31 to 2^31 - 1: positive when `to` is the later one. Right as long as the two are
 * less than 2^31 apart.
 */
export function sequenceDistance(from: SequenceNumber, to: SequenceNumber): number {
  return (to - from) | 0;
}
