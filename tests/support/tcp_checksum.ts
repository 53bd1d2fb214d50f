// SPDX-License-Identifier: MIT
/** The checksum of a TCP segment, as its receiver looks at it. @module */
import { checksumOfSum, networkSum } from "../../net/wire/checksum.ts";
import { pseudoHeaderSum } from "../../net/wire/tcp.ts";

/** Of the segment of `length` bytes at `offset`, header and payload, between these addresses. */
export function tcpChecksumIsRight(
  bytes: Uint8Array,
  offset: number,
  length: number,
  source: Uint8Array,
  destination: Uint8Array,
): boolean {
  return checksumOfSum(pseudoHeaderSum(source, destination) + length + networkSum(bytes, offset, length)) ===
    0;
}
