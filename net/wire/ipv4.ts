// SPDX-License-Identifier: MIT
/** IPv4 headers without options (RFC 791). Integers are big-endian. @module */
import { checksumOfSum, networkSum } from "./checksum.ts";
import { malformed, needMore, type Parsed, parsed } from "./parsed.ts";

const IPV4_VERSION_IHL = 0;
const IPV4_DSCP_ECN = 1;
export const IPV4_TOTAL_LENGTH = 2;
export const IPV4_IDENTIFICATION = 4;
/** Bit 15 reserved, 14 don't fragment, 13 more fragments, 0 to 12 fragment offset in 8 bytes. */
const IPV4_FLAGS_FRAGMENT = 6;
const IPV4_TIME_TO_LIVE = 8;
const IPV4_PROTOCOL = 9;
export const IPV4_CHECKSUM = 10;
const IPV4_SOURCE = 12;
const IPV4_DESTINATION = 16;
export const IPV4_HEADER_LENGTH = 20;

export const IP_PROTOCOL_TCP = 6;
/** Bytes of the longest IP packet, header included. */
export const IP_PACKET_MAX = 65535;

/** Addresses are 4 bytes. The checksum is made when writing. */
export interface Ipv4Header {
  /** Header and payload. */
  readonly totalLength: number;
  readonly identification: number;
  readonly dontFragment: boolean;
  readonly moreFragments: boolean;
  /** In bytes, a multiple of 8. */
  readonly fragmentOffset: number;
  readonly timeToLive: number;
  readonly protocol: number;
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
}

/**
 * Addresses of the result are borrowed. `bytesUsed` includes options, which are passed over. Guarantees version 4, a
 * total length of at least the header, and a right header checksum; the payload may be cut.
 */
export function parseIpv4(bytes: Uint8Array, offset: number): Parsed<Ipv4Header> {
  const left = bytes.length - offset;
  if (left < IPV4_HEADER_LENGTH) return needMore(IPV4_HEADER_LENGTH);
  if (bytes[offset] >> 4 !== 4) return malformed(`IP version ${bytes[offset] >> 4} where 4 was expected`);
  const headerLength = (bytes[offset] & 0xf) * 4;
  if (headerLength < IPV4_HEADER_LENGTH) return malformed(`IPv4 header of ${headerLength} bytes`);
  if (left < headerLength) return needMore(headerLength);
  const word = (field: number) => bytes[offset + field] << 8 | bytes[offset + field + 1];
  const totalLength = word(IPV4_TOTAL_LENGTH);
  if (totalLength < headerLength) return malformed(`IPv4 total length ${totalLength} is below its header's`);
  if (networkSum(bytes, offset, headerLength) !== 0xffff) return malformed("IPv4 header checksum is wrong");
  const fragment = word(IPV4_FLAGS_FRAGMENT);
  return parsed({
    totalLength,
    identification: word(IPV4_IDENTIFICATION),
    dontFragment: (fragment & 0x4000) !== 0,
    moreFragments: (fragment & 0x2000) !== 0,
    fragmentOffset: (fragment & 0x1fff) * 8,
    timeToLive: bytes[offset + IPV4_TIME_TO_LIVE],
    protocol: bytes[offset + IPV4_PROTOCOL],
    source: bytes.subarray(offset + IPV4_SOURCE, offset + IPV4_DESTINATION),
    destination: bytes.subarray(offset + IPV4_DESTINATION, offset + IPV4_HEADER_LENGTH),
  }, headerLength);
}

/** Writes {@linkcode IPV4_HEADER_LENGTH} bytes at `offset`, checksum included. */
export function writeIpv4(header: Ipv4Header, bytes: Uint8Array, offset: number): void {
  const put = (field: number, value: number) => {
    bytes[offset + field] = value >> 8;
    bytes[offset + field + 1] = value & 0xff;
  };
  bytes[offset + IPV4_VERSION_IHL] = 0x40 | IPV4_HEADER_LENGTH / 4;
  bytes[offset + IPV4_DSCP_ECN] = 0;
  put(IPV4_TOTAL_LENGTH, header.totalLength);
  put(IPV4_IDENTIFICATION, header.identification);
  put(
    IPV4_FLAGS_FRAGMENT,
    (header.dontFragment ? 0x4000 : 0) | (header.moreFragments ? 0x2000 : 0) | header.fragmentOffset >> 3,
  );
  bytes[offset + IPV4_TIME_TO_LIVE] = header.timeToLive;
  bytes[offset + IPV4_PROTOCOL] = header.protocol;
  put(IPV4_CHECKSUM, 0);
  bytes.set(header.source, offset + IPV4_SOURCE);
  bytes.set(header.destination, offset + IPV4_DESTINATION);
  put(IPV4_CHECKSUM, checksumOfSum(networkSum(bytes, offset, IPV4_HEADER_LENGTH)));
}
