// SPDX-License-Identifier: MIT
/** The classic capture file (draft-ietf-opsawg-pcap) with nanosecond times, little-endian. @module */
import { PCAP_MAGIC_NANOSECONDS } from "./capture_magic.ts";
import { LINKTYPE_ETHERNET, SNAP_LENGTH } from "./pcapng.ts";

export const PCAP_FILE_HEADER_LENGTH = 24;

const PCAP_RECORD_SECONDS = 0;
const PCAP_RECORD_NANOSECONDS = 4;
export const PCAP_RECORD_CAPTURED_LENGTH = 8;
const PCAP_RECORD_ORIGINAL_LENGTH = 12;
export const PCAP_RECORD_HEADER_LENGTH = 16;

/** A new array. */
export function pcapFileHeader(): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(PCAP_FILE_HEADER_LENGTH);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, PCAP_MAGIC_NANOSECONDS, true);
  view.setUint16(4, 2, true); // version 2.4
  view.setUint16(6, 4, true);
  view.setUint32(16, SNAP_LENGTH, true);
  view.setUint32(20, LINKTYPE_ETHERNET, true);
  return bytes;
}

const NS_PER_S = 1_000_000_000;

/**
 * Writes the {@linkcode PCAP_RECORD_HEADER_LENGTH} bytes before a frame; the time is nanoseconds since 1970 in two
 * unsigned halves, exact until the seconds leave 32 bits in 2106.
 */
export function writePcapRecord(
  view: DataView,
  offset: number,
  timeHigh: number,
  timeLow: number,
  frameLength: number,
): void {
  // 64 bits are beyond the 53 that a double has: the upper 16 count 2^48 ns = 281,474 s + 976,710,656 ns each.
  const upper = timeHigh >>> 16;
  const rest = upper * 976_710_656 + (timeHigh & 0xffff) * 0x1_0000_0000 + timeLow;
  const restSeconds = Math.floor(rest / NS_PER_S);
  view.setUint32(offset + PCAP_RECORD_SECONDS, upper * 281_474 + restSeconds, true);
  view.setUint32(offset + PCAP_RECORD_NANOSECONDS, rest - restSeconds * NS_PER_S, true);
  view.setUint32(offset + PCAP_RECORD_CAPTURED_LENGTH, frameLength, true);
  view.setUint32(offset + PCAP_RECORD_ORIGINAL_LENGTH, frameLength, true);
}
