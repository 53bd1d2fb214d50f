// SPDX-License-Identifier: MIT
// WebSocket frames (RFC 6455, section 5.2), unfragmented.

export const TEXT = 1, CLOSE = 8;

/** A frame; clients mask theirs. */
export function frame(opcode, payload, mask) {
  const length = payload.length;
  const size = length < 126 ? [length] : length < 65536 ? [126, length >> 8, length & 255] : [
    127,
    ...new Uint8Array(new BigUint64Array([BigInt(length)]).buffer).reverse(),
  ];
  const head = Buffer.from([0x80 | opcode, ...size]);
  if (!mask) return Buffer.concat([head, payload]);
  head[1] |= 0x80;
  return Buffer.concat([head, mask, payload.map((byte, at) => byte ^ mask[at & 3])]);
}

/** Calls `use(opcode, payload)` for each frame of a stream of bytes. */
export function onFrames(stream, use) {
  let rest = Buffer.alloc(0);
  stream.on("data", (bytes) => {
    rest = Buffer.concat([rest, bytes]);
    for (let read = parse(rest); read; read = parse(rest)) {
      rest = rest.subarray(read.end);
      use(read.opcode, read.payload);
    }
  });
}

function parse(bytes) {
  if (bytes.length < 2) return;
  let length = bytes[1] & 127, at = 2;
  if (length === 126) {
    if (bytes.length < 4) return;
    length = bytes.readUInt16BE(2);
    at = 4;
  } else if (length === 127) {
    if (bytes.length < 10) return;
    length = Number(bytes.readBigUInt64BE(2));
    at = 10;
  }
  const isMasked = (bytes[1] & 128) !== 0;
  const start = at + (isMasked ? 4 : 0), end = start + length;
  if (bytes.length < end) return;
  const payload = Buffer.from(bytes.subarray(start, end));
  if (isMasked) payload.forEach((byte, i) => payload[i] = byte ^ bytes[at + (i & 3)]);
  return { opcode: bytes[0] & 15, payload, end };
}
