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
 *     type 2, record                  0  struct sslc_slot of record.h    64  its payload, as in record.h
 *                                     (sequence, position and thread are 0; flag 0x8000 of a close: the process died)
 *     type 3, end of a program        0  u64 time    8  u64 unreported bytes    16  u64 holes    24  u64 unmirrored
 *                                    32  u32 retired (0 or 1)    36  u32 zero    40  why, UTF-8
 *     type 4, tick (program 0)        0  u64 time
 *     type 5, end (program 0)         0  u64 entries before this one
 *
 * @module
 */
import { DATA_MAX, SLOT } from "../record/layout.ts";

export const RECORDING_MAGIC = Uint8Array.of(0x73, 0x73, 0x6c, 0x63, 0x72, 0x65, 0x63, 0);
export const RECORDING_VERSION = 1;
export const RECORDING_HEADER = { magic: 0, version: 8, headerBytes: 12, timeBaseNs: 16, size: 32 } as const;
export const ENTRY = { type: 0, program: 4, bodyBytes: 8, size: 16 } as const;
export const ENTRY_TYPE = { start: 1, record: 2, end: 3, tick: 4, finish: 5 } as const;
export const START = { timeNs: 0, pid: 8, uid: 12, comm: 16, size: 32 } as const;
export const END = {
  timeNs: 0,
  unreported: 8,
  holes: 16,
  unmirrored: 24,
  retired: 32,
  reason: 40,
  size: 40,
} as const;
export const FLAG_DIED = 0x8000;
/** No body is longer: a record's payload fits a data area. */
export const BODY_MAX = SLOT.size + DATA_MAX;

/** Bytes of an entry with its padding. */
export function entryBytes(bodyBytes: number): number {
  return ENTRY.size + ((bodyBytes + 7) & ~7);
}
