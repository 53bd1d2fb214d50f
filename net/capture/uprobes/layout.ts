// SPDX-License-Identifier: MIT
/**
 * The layout of `hook/probes/record.h` in TypeScript, and the readers of its records.
 *
 * @module
 */
import { printable } from "../record/layout.ts";
import type { CaptureAddress } from "../target.ts";

export const KIND = { open: 1, address: 2, data: 3, close: 4, exec: 5, gap: 6 } as const;

/** Of data: what the program wrote and what it read. */
export const WAY = { sent: 0, received: 1 } as const;

/** `struct probe_head`. */
export const HEAD = {
  kind: 0,
  way: 2,
  flags: 3,
  length: 4,
  timeNs: 8,
  flow: 16,
  offset: 24,
  size: 32,
} as const;

/** `enum probe_flags`. */
export const FLAG = {
  server: 1,
  roleUnknown: 2,
  late: 4,
  inherited: 8,
  orderly: 16,
  randomKnown: 32,
  byHello: 64,
} as const;

/** `struct probe_ends`. */
export const ENDS = { family: 0, localPort: 2, remotePort: 4, local: 8, remote: 24, size: 40 } as const;

/** `struct probe_program`. */
export const PROGRAM = {
  startedNs: 0,
  pid: 8,
  parent: 12,
  uid: 16,
  netNamespace: 20,
  comm: 24,
  size: 40,
} as const;

/** `struct probe_open`. */
export const OPEN = {
  received: 32,
  program: 40,
  tlsVersion: 80,
  library: 84,
  clientRandom: 88,
  ends: 120,
  alpnLength: 160,
  alpn: 161,
  caller: 192,
  size: 200,
} as const;

/** `struct probe_close`. */
export const CLOSE = { received: 32, size: 40 } as const;

/** `struct probe_books`. */
export const BOOKS = {
  nextFlow: 0,
  passed: 8,
  told: 16,
  lost: 24,
  unread: 32,
  untold: 40,
  unplaced: 48,
  skipped: 56,
  untracked: 64,
  endings: 72,
  goCalls: 80,
  size: 88,
} as const;

/** `struct probe_library`. */
export const LIBRARY = {
  role: 0,
  serverMask: 4,
  clientMask: 8,
  clientRandom: 12,
  shutdown: 16,
  version: 20,
  type: 24,
  alpn: 28,
  alpnLength: 32,
  alpnHolder: 36,
  size: 40,
} as const;

/** `struct probe_hello`. */
export const HELLO = { length: 0, bytes: 4, size: 1028 } as const;

/** `struct probe_answer`. */
export const ANSWER = { length: 0, bytes: 4, size: 256 } as const;

/** `struct probe_session_key`. */
export const SESSION_KEY = { session: 0, pid: 8, size: 16 } as const;

/** `struct probe_go_key`. */
export const GO_KEY = { goroutine: 0, pid: 8, size: 16 } as const;

/** `struct probe_session`, of which this side reads the beginning. */
export const SESSION = { flow: 0, sent: 8, received: 16, overNs: 24 } as const;

/** `struct probe_ending`. */
export const ENDING = { sent: 0, received: 8, orderly: 16, timeNs: 24, size: 32 } as const;

/** `enum probe_untold_reason`. */
export const UNTOLD_REASON = { noRoom: 0, noPlace: 1, noRole: 2, noTeller: 3 } as const;

/** `struct probe_untold_key`. */
export const UNTOLD_KEY = { startedNs: 0, pid: 8, reason: 12, size: 16 } as const;

/** `struct probe_untold`. */
export const UNTOLD = { program: 0, toServer: 40, toClient: 48, size: 56 } as const;

/** `enum probe_function`: what a function does, and of one that passes bytes how. */
export const FUNCTION = {
  call: 0,
  made: 1,
  shared: 2,
  closing: 3,
  freed: 4,
  cleared: 5,
  madeAt: 6,
  quiet: 7,
  mask: 15,
  reads: 16,
  countBehind: 32,
  keeps: 64,
  go: 128,
  layer: 256,
  peeks: 512,
  parts: 1024,
  opaque: 2048,
} as const;

/**
 * What a probe is told of the function that it is at.
 *
 * @param depth Bytes by which the stack pointer will be higher when the function has returned, below 65536.
 */
export function cookieOf(library: number, what: number, depth: number): number {
  return library * 2 ** 32 + depth * 2 ** 16 + what;
}

const AF_INET = 2;
const AF_INET6 = 10;
/** ::ffff:0:0/96, IPv4 on a socket for both. */
const MAPPED = [...Array(10).fill(0), 0xff, 0xff];

/**
 * The ends of a connection at `at`, undefined where there are none: of a socket that the kernel saw the program use, or of a packet that
 * had its session's client random.
 */
export function readEnds(view: DataView, at: number, isByHello: boolean): CaptureAddress | undefined {
  const family = view.getUint16(at + ENDS.family, true);
  if (family !== AF_INET && family !== AF_INET6) return undefined;
  return {
    grade: isByHello ? "hello" : "nested",
    localIp: readIp(view, at + ENDS.local, family),
    localPort: view.getUint16(at + ENDS.localPort, true),
    remoteIp: readIp(view, at + ENDS.remote, family),
    remotePort: view.getUint16(at + ENDS.remotePort, true),
    ...(isByHello ? {} : { confirmed: true }),
  };
}

function readIp(view: DataView, at: number, family: number): Uint8Array {
  const bytes = new Uint8Array(view.buffer, view.byteOffset + at, 16);
  if (family === AF_INET) return bytes.slice(0, 4);
  return MAPPED.every((byte, place) => bytes[place] === byte) ? bytes.slice(12) : bytes.slice();
}

/** Whose session it is, as the kernel says. */
export interface Opener {
  readonly pid: number;
  /** Tells the process from another one of its number. */
  readonly startedNs: bigint;
  readonly parent: number;
  readonly uid: number;
  readonly networkNamespace: number;
  readonly comm: string;
}

/** Reads whose session it is: {@linkcode PROGRAM} at `at`. */
export function readOpener(view: DataView, at: number): Opener {
  const comm = new Uint8Array(view.buffer, view.byteOffset + at + PROGRAM.comm, 16);
  const end = comm.indexOf(0);
  return {
    pid: view.getUint32(at + PROGRAM.pid, true),
    startedNs: view.getBigUint64(at + PROGRAM.startedNs, true),
    parent: view.getUint32(at + PROGRAM.parent, true),
    uid: view.getUint32(at + PROGRAM.uid, true),
    networkNamespace: view.getUint32(at + PROGRAM.netNamespace, true),
    comm: printable(comm, 0, end < 0 ? 15 : end),
  };
}

/** Of the protocol that was agreed on, as the session's object says; empty where it is not known. */
export function readAlpn(view: DataView, at: number): string {
  const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  const length = Math.min(view.getUint8(at + OPEN.alpnLength), OPEN.caller - OPEN.alpn);
  return printable(bytes, at + OPEN.alpn, at + OPEN.alpn + length);
}

/** Lower-case hex; empty where it is not known. */
export function readRandom(view: DataView, at: number): string {
  if ((view.getUint8(at + HEAD.flags) & FLAG.randomKnown) === 0) return "";
  const bytes = new Uint8Array(view.buffer, view.byteOffset + at + OPEN.clientRandom, 32);
  // Where a library keeps none, zeros stand.
  return bytes.every((byte) => byte === 0) ? "" : bytes.toHex();
}

/** A word of 64 bits that counts bytes, flows or nanoseconds; exact below 2^53. */
export function count(view: DataView, at: number): number {
  return view.getUint32(at, true) + view.getUint32(at + 4, true) * 2 ** 32;
}
