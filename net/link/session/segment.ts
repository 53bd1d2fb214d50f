// SPDX-License-Identifier: MIT
/** What is in a segment of a spool. @module */
import { BLOCK_OVERHEAD, BLOCK_SECTION_HEADER } from "../../wire/pcapng.ts";
import { readOldSegment } from "./old_segment.ts";
import { DAMAGED, joinParts, lostPart, PART_BYTES, type SpoolPart } from "./spool_part.ts";
import { nextRun, runAt } from "./spool_run.ts";

/**
 * Adds what a segment holds, behind `parts` and from packet `next` on: what it should hold and does not as a loss. The answer is what
 * is wrong with it. A torn end is as expected.
 */
export function readSegment(
  path: string,
  bytes: Uint8Array,
  parts: SpoolPart[],
  next: number,
): string | undefined {
  let at = headLength(bytes);
  if (runAt(bytes, at) === undefined) {
    const old = readOldSegment(path, bytes, parts, next);
    if (old.isOne || nextRun(bytes, 0) === bytes.length) return old.wrong;
  }
  let wrong: string | undefined;
  while (at < bytes.length) {
    const run = runAt(bytes, at);
    if (run === undefined) {
      const found = nextRun(bytes, at);
      if (found === bytes.length && isTorn(bytes, at)) break;
      wrong ??= `${found - at} bytes at ${at} are not as they were written`;
      at = found;
      continue;
    }
    if (!run.isWhole) break;
    const { after, first, packets, headBytes, packetBytes, reason } = run;
    // The first segment that is left may begin in front of what is acknowledged.
    if (parts.length === 0) next = Math.min(next, after);
    if (after < next || first < after) return `run from packet ${after} behind packet ${next}`;
    if (after > next) parts.push(lostPart(next, after, DAMAGED));
    if (first > after) parts.push(lostPart(after, first, reason));
    next = first + packets;
    if (!run.isSound) {
      wrong ??= `${packets} packets at ${at} are not as they were written`;
      parts.push(lostPart(first, next, DAMAGED));
    } else if (packets > 0) {
      const lengthBytes = headBytes + packetBytes;
      const part = { first, packets, path, offset: at, lengthBytes, packetBytes, reason: "" };
      const last = parts.at(-1);
      const joined = last?.reason === "" && last.lengthBytes + lengthBytes <= PART_BYTES
        ? joinParts(last, part)
        : undefined;
      if (joined) parts[parts.length - 1] = joined;
      else parts.push(part);
    }
    at += headBytes + packetBytes;
  }
  return wrong;
}

/** Bytes of the section header and interface description that begin a segment; 0 where they are damaged. */
function headLength(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  for (let block = 0; block < 2; block++) {
    if (bytes.length - at < BLOCK_OVERHEAD) return 0;
    const length = view.getUint32(at + 4, true);
    if (block === 0 && view.getUint32(at, true) !== BLOCK_SECTION_HEADER) return 0;
    if (length < BLOCK_OVERHEAD || (length & 3) !== 0 || length > bytes.length - at) return 0;
    at += length;
  }
  return at;
}

/** Whether what is left may be the beginning of a run's head: its writer was ended. */
function isTorn(bytes: Uint8Array, at: number): boolean {
  return bytes.length - at < 4 || bytes[at] === 0xad;
}
