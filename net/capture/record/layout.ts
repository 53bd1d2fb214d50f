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
export const ABI = 3;
export const PAGE = 4096;
/** Binary logarithm of {@linkcode UNIT}. */
export const UNIT_SHIFT = 8;
/** Data is given out in units of so many bytes. */
export const UNIT = 1 << UNIT_SHIFT;

/** Bits of the words `head` and `tail`. */
export const WORD = { slotShift: 29, slotBits: 16, dataShift: 45, dataBits: 18, freshShift: 63 } as const;

export const SLOTS_MAX = 65_472;
export const DATA_MIN = 64 << 10;
export const DATA_MAX = 64 << 20;
export const RINGS_MAX = 16;

/** What a claimer grants itself, bytes of data: where its region was handed over, and where nobody was there. */
export const FIRST_DATA = 16 << 20;
export const UNSERVED_DATA = 1 << 20;

/** A ring's owner whose thread id is not known. */
export const OWNER_UNKNOWN = 0xffff_ffff;

/** `struct sslc_greeting`. */
export const GREETING = { magic: 0, abi: 4, length: 8, rendezvous: 16, size: 24 } as const;

/** `struct sslc_region`. */
export const REGION = {
  magic: 0,
  abi: 4,
  ringCount: 8,
  ringStride: 12,
  slotCapacity: 16,
  dataCapacity: 20,
  pid: 24,
  flags: 28,
  attachedNs: 32,
  address: 40,
  ringless: 64,
  ringlessSessions: 72,
  ringlessBytes: 80,
  ringlessFirstNs: 88,
  ringlessLastNs: 96,
  uncorrected: 104,
  size: 128,
} as const;

/** `struct sslc_ring`. */
export const RING = {
  magic: 0,
  owner: 4,
  claimedNs: 8,
  comm: 16,
  claims: 32,
  head: 64,
  tail: 128,
  grantedData: 136,
  grantedSlots: 140,
  generation: 144,
  retired: 148,
  droppedBytes: 192,
  droppedRecords: 200,
  gapBytes: 208,
  unmirrored: 216,
  lostSessions: 224,
  uncopiedBytes: 232,
  dropFirstNs: 240,
  dropLastNs: 248,
  skippedBytes: 256,
  skippedSessions: 264,
  size: 272,
} as const;

/** `enum sslc_retired`. */
export const RETIRED = { forGood: 1, again: 2, unwanted: 3 } as const;

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
  size: 64,
} as const;

/** `enum sslc_kind`. */
export const KIND = { open: 1, hello: 2, data: 3, gap: 4, close: 5, skip: 6 } as const;

/** Flags of a slot. */
export const FLAG = {
  update: 1,
  inherited: 2,
  late: 4,
  orderly: 8,
  alertSent: 16,
  neverUser: 32,
  again: 64,
  helloGone: 128,
} as const;

/** Family of the address of a Unix socket, which has neither ports nor IP addresses. */
export const FAMILY_UNIX = 1;

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
  comm: 88,
  alpnLength: 104,
  sniLength: 105,
  size: 112,
} as const;

/** `struct sslc_hello`. */
export const HELLO = { address: 0, clientRandom: 40, received: 72, carrier: 80, size: 88 } as const;

const TWO_32 = 2 ** 32;

/** By the number of `enum sslc_grade`. */
export const GRADES: readonly CaptureGrade[] = ["none", "socket", "nested", "hello"];

/** A record that no honest hook writes; the message says what is impossible in it. */
export class RecordError extends Error {
  override name = "RecordError";
}

/**
 * A 64-bit number from its halves (any 32-bit integers); NaN from 2^52 on. Flow ids, offsets and amounts are below that, so that
 * they are exact in a double with room to add.
 */
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

/** Offset of the data area in a ring. */
export function dataStart(slotCapacity: number): number {
  return PAGE + slotCapacity * SLOT.size;
}

/** Bytes from one ring to the next. */
export function ringStride(slotCapacity: number, dataCapacity: number): number {
  return dataStart(slotCapacity) + dataCapacity;
}

/** What the name of a region says of a runtime directory: the 64-bit FNV-1a hash of its bytes. */
export function rendezvousOf(runtimeDir: string): bigint {
  let hash = 0xcbf2_9ce4_8422_2325n;
  for (const byte of new TextEncoder().encode(runtimeDir)) {
    hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100_0000_01b3n);
  }
  return hash;
}

/** The name of the regions of a rendezvous. */
export function regionName(rendezvous: bigint): string {
  return `sslcollector:${ABI}:${rendezvous.toString(16).padStart(16, "0")}`;
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
  if (family === 0 || family === FAMILY_UNIX) return undefined;
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

function overUnixSocket(bytes: Uint8Array): { readonly overUnixSocket?: true } {
  return bytes[ADDRESS.family] === FAMILY_UNIX ? { overUnixSocket: true } : {};
}

/** What a program says when a flow opens; who it is, the kernel says. */
export type ClaimedOpen = Omit<CaptureOpen, "uid">;

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
): ClaimedOpen {
  if (payload.length < OPEN.size) throw new RecordError("an open record is too short");
  if (payload.length > OPEN.size + 512) throw new RecordError("an open record is too long");
  const bytes = payload.slice();
  const sniStart = OPEN.size + bytes[OPEN.alpnLength];
  const end = sniStart + bytes[OPEN.sniLength];
  if (end > bytes.length) throw new RecordError("a name runs over the end of its open record");
  return {
    address: readAddress(bytes),
    ...overUnixSocket(bytes),
    clientRandom: randomHex(bytes, OPEN.clientRandom),
    isServer: bytes[OPEN.isServer] !== 0,
    tlsVersion: u16(bytes, OPEN.tlsVersion),
    cipherSuite: u16(bytes, OPEN.cipherSuite),
    alpn: printable(bytes, OPEN.size, sniStart),
    sni: printable(bytes, sniStart, end),
    pid: u32(bytes, OPEN.pid),
    comm: paddedText(bytes, OPEN.comm, 16),
    offsets: [toServer, toClient],
    update: (flags & FLAG.update) !== 0,
    inherited: (flags & FLAG.inherited) !== 0,
    late: (flags & FLAG.late) !== 0,
    ...((flags & FLAG.helloGone) === 0 ? {} : { isHelloGone: true }),
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
    ...overUnixSocket(bytes),
    clientRandom: randomHex(bytes, HELLO.clientRandom),
    received: bytes[HELLO.received] !== 0,
    carrier,
  };
}
