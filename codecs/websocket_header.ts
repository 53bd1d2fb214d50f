// SPDX-License-Identifier: MIT
/** The header of a WebSocket frame (RFC 6455, section 5.2), as far as its lengths. @module */

const MASKED = 0x80;
const LENGTH_16 = 126;
const LENGTH_64 = 127;

/** Bytes of a header without its mask, of which the first two have come. */
export function headerLength(header: Uint8Array): number {
  const short = header[1] & 0x7f;
  return short === LENGTH_16 ? 4 : short === LENGTH_64 ? 10 : 2;
}

/** Whether the four bytes of a mask stand behind that. */
export function isMasked(header: Uint8Array): boolean {
  return (header[1] & MASKED) !== 0;
}

/** Bytes of the payload that a whole header announces; its array begins with it. */
export function payloadLength(header: Uint8Array): number {
  const short = header[1] & 0x7f;
  const view = new DataView(header.buffer, header.byteOffset);
  if (short === LENGTH_16) return view.getUint16(2);
  return short === LENGTH_64 ? Number(view.getBigUint64(2) & 0x7fff_ffff_ffff_ffffn) : short;
}
