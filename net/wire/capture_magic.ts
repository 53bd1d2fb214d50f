// SPDX-License-Identifier: MIT
/** What capture files begin with: 32 bits, little-endian. @module */
import { BLOCK_SECTION_HEADER } from "./pcapng.ts";

/** Times are seconds and nanoseconds. */
export const PCAP_MAGIC_NANOSECONDS = 0xa1b23c4d;
/** Times are seconds and microseconds. */
const PCAP_MAGIC_MICROSECONDS = 0xa1b2c3d4;

/** Whether a file that begins with `magic` is pcapng or pcap. */
export function isCaptureMagic(magic: number): boolean {
  return magic === BLOCK_SECTION_HEADER || magic === PCAP_MAGIC_NANOSECONDS ||
    magic === PCAP_MAGIC_MICROSECONDS;
}
