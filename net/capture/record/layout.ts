// SPDX-License-Identifier: MIT
/**
 * The layout of `record.h` in TypeScript: offsets, bounds, and the readers of what a record carries.
 *
 * Everything is little-endian. What a reader is given may have been written by a hostile program: each answers with a
 * value or with the reason why there is none, and copies what it keeps.
 *
 * @module
 */
import type { CaptureAddress, CaptureGrade, CaptureHello, CaptureOpen } from "../target.ts";

export const MAGIC = 0x434c5353;
export const ABI = 2;
export const PAGE = 4096;
/** Binary logarithm of {@linkcode UNIT}. */
export const UNIT_SHIFT = 8;
/** Data is given out in units of so many bytes. */
export const UNIT = 1 << UNIT_SHIFT;

/** Bits of the words `head` and `tail`. */
export const WORD = { slotShift: 29, slotBits: 16, dataShift: 45, dataBits: 18, freshShift: 63 } as const;

export const SLOTS_MAX = 65_472;
export const DATA_MAX = 64 << 20;
export const SUBRINGS_MAX = 16;

/** `struct sslc_control`. */
export const CONTROL = {
  magic: 0,
  abi: 4,
  identity: 8,
  heartbeatNs: 16,
  sleeping: 24,
  closing: 28,
  initialData: 32,
  initialSlots: 36,
  dataCapacity: 40,
  slotCapacity: 44,
  subringCount: 48,
  agentPid: 52,
  size: 56,
} as const;

/** `struct sslc_greeting`. */
export const GREETING = {
  magic: 0,
  abi: 4,
  pid: 8,
  subringCount: 12,
  subringStride: 16,
  slotCapacity: 20,
  dataCapacity: 24,
  flags: 28,
  identity: 32,
  comm: 40,
  size: 56,
} as const;
export const GREETING_NO_WAKE = 1;

/** `struct sslc_ring`. */
export const RING = {
  magic: 0,
  abi: 4,
  owner: 8,
  uid: 12,
  flags: 16,
  comm: 24,
  head: 64,
  tail: 128,
  grantedData: 136,
  grantedSlots: 140,
  retired: 144,
  woken: 192,
  droppedBytes: 200,
  droppedRecords: 208,
  gapBytes: 216,
  unmirrored: 224,
  size: 256,
} as const;
export const RING_NO_WAKE = 1;

/** `enum sslc_retired`. */
export const RETIRED = { forGood: 1, again: 2 } as const;

/** `struct sslc_slot`. */
export const SLOT = {
  sequence: 0,
  kind: 4,
  direction: 5,
  flags: 6,
  position: 8,
  length: 12,
  flow: 16,
  offset: 24,
  timeNs: 32,
  amount: 40,
  thread: 48,
  size: 64,
} as const;

/** `enum sslc_kind`. */
export const KIND = { open: 1, hello: 2, data: 3, gap: 4, close: 5 } as const;

/** Flags of a slot. */
export const FLAG = {
  update: 1,
  inherited: 2,
  late: 4,
  orderly: 8,
  alertSent: 16,
  neverUser: 32,
} as const;

/** `struct sslc_address`. */
export const ADDRESS = {
  family: 0,
  grade: 1,
  localPort: 2,
  remotePort: 4,
  localIp: 8,
  remoteIp: 24,
  size: 40,
} as const;

/** `struct sslc_open`; ALPN and SNI follow. */
export const OPEN = {
  address: 0,
  clientRandom: 40,
  isServer: 72,
  tlsVersion: 76,
  cipherSuite: 78,
  pid: 80,
  uid: 84,
  comm: 88,
  alpnLength: 104,
  sniLength: 105,
  size: 112,
} as const;

/** `struct sslc_hello`. */
export const HELLO = { address: 0, clientRandom: 40, received: 72, carrier: 80, size: 88 } as const;

/** Flow ids, offsets and amounts are below this, so that they are exact in a double with room to add. */
export const NUMBER_LIMIT = 2 ** 52;

const TWO_32 = 2 ** 32;

/** By the number of `enum sslc_grade`. */
export const GRADES: readonly CaptureGrade[] = ["none", "socket", "nested", "hello"];

/** A record that no honest hook writes; the message says what is impossible in it. */
export class RecordError extends Error {
  override name = "RecordError";
}

/** A 64-bit number from its halves (any 32-bit integers); NaN at or above {@linkcode NUMBER_LIMIT}. */
export function numberOf(low: number, high: number): number {
  return (high >>> 0) < 0x10_0000 ? (high >>> 0) * TWO_32 + (low >>> 0) : NaN;
}

/** The same for a counter that only ever grows: what is too large to be true counts as 0. */
export function counterOf(low: number, high: number): number {
  const value = numberOf(low, high);
  return Number.isNaN(value) ? 0 : value;
}

/** Bytes of a data area that `length` bytes take up. */
export function unitsOf(lengthBytes: number): number {
  return (lengthBytes + UNIT - 1) >>> UNIT_SHIFT;
}

/** Offset of the data area in a sub-ring. */
export function dataStart(slotCapacity: number): number {
  return PAGE + slotCapacity * SLOT.size;
}

/** Bytes from one sub-ring to the next, whole pages. */
export function subringStride(slotCapacity: number, dataCapacity: number): number {
  return Math.ceil((dataStart(slotCapacity) + dataCapacity) / PAGE) * PAGE;
}

/** Printable ASCII as it is, `?` for every other byte; so the text can go anywhere and has as many characters as bytes. */
export function printable(bytes: Uint8Array, start: number, end: number): string {
  let text = "";
  for (let i = start; i < end; i++) {
    const byte = bytes[i];
    text += byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : "?";
  }
  return text;
}

/** A NUL-padded field of `length` bytes. */
export function paddedText(bytes: Uint8Array, start: number, length: number): string {
  let end = start;
  while (end < start + length && bytes[end] !== 0) end++;
  return printable(bytes, start, end);
}

function u16(bytes: Uint8Array, at: number): number {
  return bytes[at] | bytes[at + 1] << 8;
}

function u32(bytes: Uint8Array, at: number): number {
  return (bytes[at] | bytes[at + 1] << 8 | bytes[at + 2] << 16 | bytes[at + 3] << 24) >>> 0;
}

function randomHex(bytes: Uint8Array, at: number): string {
  const random = bytes.slice(at, at + 32);
  return random.some((byte) => byte !== 0) ? random.toHex() : "";
}

function readAddress(bytes: Uint8Array): CaptureAddress | undefined {
  const family = bytes[ADDRESS.family];
  const grade = GRADES[bytes[ADDRESS.grade]];
  if (grade === undefined) throw new RecordError("an address has an unknown grade");
  if (family === 0) return undefined;
  if (family !== 4 && family !== 6) throw new RecordError("an address is of an unknown family");
  const length = family === 4 ? 4 : 16;
  return {
    grade,
    localIp: bytes.slice(ADDRESS.localIp, ADDRESS.localIp + length),
    localPort: u16(bytes, ADDRESS.localPort),
    remoteIp: bytes.slice(ADDRESS.remoteIp, ADDRESS.remoteIp + length),
    remotePort: u16(bytes, ADDRESS.remotePort),
  };
}

/**
 * Reads `struct sslc_open`. `payload` is copied before anything of it is looked at.
 *
 * @throws {RecordError} for what cannot be.
 */
export function parseOpen(
  payload: Uint8Array,
  flags: number,
  toServer: number,
  toClient: number,
): CaptureOpen {
  if (payload.length < OPEN.size) throw new RecordError("an open record is too short");
  if (payload.length > OPEN.size + 512) throw new RecordError("an open record is too long");
  const bytes = payload.slice();
  const sniStart = OPEN.size + bytes[OPEN.alpnLength];
  const end = sniStart + bytes[OPEN.sniLength];
  if (end > bytes.length) throw new RecordError("a name runs over the end of its open record");
  return {
    address: readAddress(bytes),
    clientRandom: randomHex(bytes, OPEN.clientRandom),
    isServer: bytes[OPEN.isServer] !== 0,
    tlsVersion: u16(bytes, OPEN.tlsVersion),
    cipherSuite: u16(bytes, OPEN.cipherSuite),
    alpn: printable(bytes, OPEN.size, sniStart),
    sni: printable(bytes, sniStart, end),
    pid: u32(bytes, OPEN.pid),
    uid: u32(bytes, OPEN.uid),
    comm: paddedText(bytes, OPEN.comm, 16),
    offsets: [toServer, toClient],
    update: (flags & FLAG.update) !== 0,
    inherited: (flags & FLAG.inherited) !== 0,
    late: (flags & FLAG.late) !== 0,
  };
}

/**
 * Reads `struct sslc_hello`.
 *
 * @throws {RecordError} for what cannot be.
 */
export function parseHello(payload: Uint8Array): CaptureHello {
  if (payload.length < HELLO.size) throw new RecordError("a hello record is too short");
  const bytes = payload.slice(0, HELLO.size);
  const carrier = numberOf(u32(bytes, HELLO.carrier), u32(bytes, HELLO.carrier + 4));
  if (Number.isNaN(carrier)) throw new RecordError("the carrier of a hello is out of range");
  return {
    address: readAddress(bytes),
    clientRandom: randomHex(bytes, HELLO.clientRandom),
    received: bytes[HELLO.received] !== 0,
    carrier,
  };
}
