// SPDX-License-Identifier: MIT
/** How far a collector's files were at its last commit, and going on with them after it was ended at any moment. @module */
import { dirname, join } from "node:path";
import type { FileProgress } from "../sinks/sink_files.ts";
import { moveAside } from "../sinks/aside.ts";
import {
  PCAP_FILE_HEADER_LENGTH,
  PCAP_RECORD_CAPTURED_LENGTH,
  PCAP_RECORD_HEADER_LENGTH,
} from "../wire/pcap.ts";
import { BLOCK_INTERFACE_DESCRIPTION, BLOCK_OVERHEAD, BLOCK_SECTION_HEADER } from "../wire/pcapng.ts";

/** Above the longest block or record that a sink writes. */
const BUFFER_BYTES = 1024 * 1024;

/** A file as it is now; undefined when it is none that grows (a pipe, a device) or is not there. */
export function fileProgress(path: string): FileProgress | undefined {
  try {
    const { isFile, dev, ino, size } = Deno.statSync(path);
    return isFile ? { path, device: dev, inode: ino, size } : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Cuts what was written behind the last commit, whose packets agents will send again, and answers the size to go on from.
 * `committed` are the files that were at `path` since that commit, the oldest first: others may have moved or cut some.
 * Nothing that was committed is ever cut: where the note may be older than the file, as after a reboot, whole packets stay;
 * a file that is shorter is gone on with behind its last whole packet, and
 * another file that is in its place now is moved aside. Undefined: nothing is there, begin a new one.
 */
export function resumeFile(
  path: string,
  committed: readonly FileProgress[],
  format: "pcap" | "pcapng",
  mayLack: boolean,
  warn: (message: string) => void,
): number | undefined {
  const now = fileProgress(path);
  const own = now && committed.findLast((file) => isSame(now, file));
  if (!mayLack) committed.filter((file) => !own || !isSame(own, file)).forEach(cutMoved);
  if (now === undefined) return undefined;
  if (own === undefined) {
    if (now.size > 0) moveAside(path, "it is not the file that was written before", warn);
    return undefined;
  }
  const whole = now.size > own.size && !mayLack ? own.size : wholeLength(path, format);
  if (now.size < own.size) {
    const lost = `${now.size} of ${own.size} bytes are left, as after a power cut`;
    if (whole > 0) warn(`${path}: ${lost}; going on behind the last whole packet, at ${whole}`);
    else if (now.size > 0) moveAside(path, lost, warn);
    else warn(`${path}: ${lost}`);
    return whole > 0 ? whole : undefined;
  }
  if (whole > own.size) {
    warn(`${path}: ${whole - own.size} bytes more than were noted are kept`);
    return whole;
  }
  Deno.truncateSync(path, own.size);
  return own.size > 0 ? own.size : undefined;
}

/** Cuts what was written behind the last commit of a file that will not be gone on with, wherever in its directory it is now. */
export function cutToCommit(committed: FileProgress): void {
  const now = fileProgress(committed.path);
  if (now !== undefined && isSame(now, committed)) cut(committed.path, now, committed);
  else cutMoved(committed);
}

/** Others gave it another name, or took it away. */
function cutMoved(committed: FileProgress): void {
  const folder = dirname(committed.path);
  for (const { name } of Deno.readDirSync(folder)) {
    const path = join(folder, name);
    const now = fileProgress(path);
    if (now !== undefined && isSame(now, committed)) return cut(path, now, committed);
  }
}

function cut(path: string, now: FileProgress, { size }: FileProgress): void {
  // Nothing of it was committed: it was begun after the last commit.
  if (size === 0) Deno.removeSync(path);
  else if (now.size > size) Deno.truncateSync(path, size);
}

/** Moves aside what a new file would take the place of: packets in it may be acknowledged, and come no second time. */
export function keepAside(path: string, warn: (message: string) => void): void {
  const now = fileProgress(path);
  if (now !== undefined && now.size > 0) moveAside(path, "it was there before, and not by this state", warn);
}

function isSame(now: FileProgress, committed: FileProgress): boolean {
  return now.device === committed.device && now.inode === committed.inode;
}

/** Bytes of a capture up to the end of its last whole packet; 0: it is none, or has not even its head. */
function wholeLength(path: string, format: "pcap" | "pcapng"): number {
  const lengthAt = format === "pcap" ? pcapLengthAt : pcapngLengthAt;
  const buffer = new Uint8Array(BUFFER_BYTES);
  const view = new DataView(buffer.buffer);
  const file = Deno.openSync(path, { read: true });
  try {
    let whole = 0;
    let end = 0;
    let hasHead = format === "pcap";
    while (true) {
      const read = end < buffer.length ? file.readSync(buffer.subarray(end)) ?? 0 : 0;
      if (read === 0) return hasHead ? whole : 0;
      end += read;
      let at = 0;
      for (let length = 0; at < end; at += length, whole += length) {
        length = lengthAt(view, at, end, whole);
        if (length < 0) return hasHead ? whole : 0;
        if (length === 0) break;
        if (format === "pcapng" && view.getUint32(at, true) === BLOCK_INTERFACE_DESCRIPTION) hasHead = true;
      }
      buffer.copyWithin(0, at, end);
      end -= at;
    }
  } finally {
    file.close();
  }
}

/** Length of the block at `at`; 0: it is not whole before `end`; negative: it is none. `offset` is its place in the file. */
function pcapngLengthAt(view: DataView, at: number, end: number, offset: number): number {
  if (end - at < BLOCK_OVERHEAD) return 0;
  if (offset === 0 && view.getUint32(at, true) !== BLOCK_SECTION_HEADER) return -1;
  const length = view.getUint32(at + 4, true);
  if (length < BLOCK_OVERHEAD || (length & 3) !== 0 || length > BUFFER_BYTES) return -1;
  if (length > end - at) return 0;
  return view.getUint32(at + length - 4, true) === length ? length : -1;
}

/** The same for the header of a pcap file, and its records. */
function pcapLengthAt(view: DataView, at: number, end: number, offset: number): number {
  if (offset === 0) return end - at < PCAP_FILE_HEADER_LENGTH ? 0 : PCAP_FILE_HEADER_LENGTH;
  if (end - at < PCAP_RECORD_HEADER_LENGTH) return 0;
  const captured = view.getUint32(at + PCAP_RECORD_CAPTURED_LENGTH, true);
  // Zeros where the data of a grown file never reached the disk.
  if (captured === 0 || captured > BUFFER_BYTES - PCAP_RECORD_HEADER_LENGTH) return -1;
  return PCAP_RECORD_HEADER_LENGTH + captured > end - at ? 0 : PCAP_RECORD_HEADER_LENGTH + captured;
}
