// SPDX-License-Identifier: MIT
/**
 * A recording: every call that a {@linkcode CaptureTarget} got, in order, so that it can be made again.
 *
 * All integers are little-endian, all times nanoseconds since the time base. A file is a header, entries, and an end
 * entry; without the end entry it was cut.
 *
 *     header, 32 bytes      0  magic "sslcrec\0"    8  u32 version    12  u32 bytes of the header
 *                          16  u64 time base, nanoseconds since 1970    24  u64 zero
 *
 *     entry, 16 bytes       0  u32 type    4  u32 program    8  u32 bytes of the body    12  u32 zero
 *                          16  body, then zeros up to the next multiple of 8
 *
 *     type 1, start of a program      0  u64 time    8  u32 pid    12  u32 uid    16  comm, 16 bytes, NUL padded
 *                                    32  u64 network namespace (0: unknown)
 *                                    40  u32 ancestors (2^32 - 1: unknown)    44  u32 trusted (0 or 1)
 *                                    48  u32 pid of each ancestor, then container, pod, program's path, control group,
 *                                    source and names of container and pod, UTF-8, with line feeds between them
 *     type 2, record                  0  struct sslc_slot of record.h    64  its payload, as in record.h; of a gap why, UTF-8
 *                                     (sequence, position and thread are 0; flag 0x8000 of a close: the process died; of an
 *                                     open or a hello 0x4000: its address is confirmed, 0x2000: the kernel denies it)
 *     type 3, end of a program        0  u64 time    8  u32 stopped (0 or 1)    12  u32 losses    16  each, then why it was
 *                                     stopped, UTF-8
 *                 a loss              0  u32 unit (0 bytes, 1 records, 2 sessions)    4  u32 bytes of its reason
 *                                     8  u64 amount    16  reason, UTF-8
 *     type 4, tick (program 0)        0  u64 time
 *     type 5, end (program 0)         0  u64 entries before this one
 *     type 6, interfaces (program 0)  0  u64 time    8  JSON, UTF-8: an array of {name, addresses, isSeen}
 *     type 7, hello seen (program 0)  0  u64 time    8  client random, 32 bytes    40  u16 client port    42  u16 server port
 *                                    44  u16 VLAN (2^16 - 1: none)    46  u8 bytes of an address, 4 or 16
 *                                    47  u8: 1 where MAC addresses are known, 128 where the host sent it, and 2 for each byte that is
 *                                    missing at the end of the random    48  client's address, 16 bytes
 *                                    64  server's address, 16 bytes    80  client's MAC, 6 bytes    86  server's MAC, 6 bytes
 *     type 8, hellos lost (program 0) 0  u64 time    8  u64 how many
 *
 * Version 2 has no container and no types from 6 on. Version 1, which is still read, ends the start of a program after its comm; its gaps have no payload but the flag of
 * record.h for what never was in user memory; its addresses are neither confirmed nor denied; and in it
 *
 *     type 3, end of a program        0  u64 time    8  u64 unreported bytes    16  u64 holes    24  u64 unmirrored
 *                                    32  u32 retired (0 or 1)    36  u32 zero    40  why, UTF-8
 *
 * @module
 */
import type { CaptureLoss } from "../target.ts";
import { DATA_MAX, SLOT } from "../record/layout.ts";

export const RECORDING_MAGIC = Uint8Array.of(0x73, 0x73, 0x6c, 0x63, 0x72, 0x65, 0x63, 0);
export const RECORDING_VERSION = 3;
export const RECORDING_VERSION_LEAST = 1;
export const RECORDING_HEADER = { magic: 0, version: 8, headerBytes: 12, timeBaseNs: 16, size: 32 } as const;
export const ENTRY = { type: 0, program: 4, bodyBytes: 8, size: 16 } as const;
export const ENTRY_TYPE = {
  start: 1,
  record: 2,
  end: 3,
  tick: 4,
  finish: 5,
  interfaces: 6,
  sighting: 7,
  lost: 8,
} as const;
export const START = {
  timeNs: 0,
  pid: 8,
  uid: 12,
  comm: 16,
  networkNamespace: 32,
  ancestors: 40,
  trusted: 44,
  size: 48,
} as const;
/** Number of ancestors where they are not known. */
export const UNKNOWN = 0xffff_ffff;
export const END = { timeNs: 0, stopped: 8, losses: 12, size: 16 } as const;
export const LOSS = { unit: 0, reasonBytes: 4, amount: 8, size: 16 } as const;
/** Units of a loss, by their number in the file. */
export const LOSS_UNITS: readonly CaptureLoss["unit"][] = ["bytes", "records", "sessions"];
/** Version 1. */
export const START_1 = { size: 32 } as const;
export const END_1 = {
  timeNs: 0,
  unreported: 8,
  holes: 16,
  unmirrored: 24,
  retired: 32,
  reason: 40,
  size: 40,
} as const;
/** A hello that an interface saw. */
export const SIGHTING = {
  timeNs: 0,
  clientRandom: 8,
  clientPort: 40,
  serverPort: 42,
  vlan: 44,
  ipBytes: 46,
  linkSentMissing: 47,
  clientIp: 48,
  serverIp: 64,
  clientMac: 80,
  serverMac: 86,
  size: 92,
} as const;
/** VLAN where there is none. */
export const NO_VLAN = 0xffff;
/** Flags of a slot that no ring has. */
export const RECORDING_FLAG = { died: 0x8000, confirmed: 0x4000, denied: 0x2000 } as const;
/** No body is longer: a record's payload fits a data area. */
export const BODY_MAX = SLOT.size + DATA_MAX;

/** Bytes of an entry with its padding. */
export function entryBytes(bodyBytes: number): number {
  return ENTRY.size + ((bodyBytes + 7) & ~7);
}
