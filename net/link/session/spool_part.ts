// SPDX-License-Identifier: MIT
/** Where packets lie in the segments of a spool. @module */

/** Longest stretch of a segment that one part tells of: it is read at once. */
export const PART_BYTES = 256 * 1024;
/** Reason of packets that the spool was given and has no more as they were. */
export const DAMAGED = "spool-damaged";

/** Packets that lie together in a segment, or that were lost together. */
export interface SpoolPart {
  readonly first: number;
  readonly packets: number;
  readonly path: string;
  /** Of the first run's head, in the segment. */
  readonly offset: number;
  /** Of all runs with their heads. */
  readonly lengthBytes: number;
  /** Bytes of the packets alone. */
  readonly packetBytes: number;
  /** Empty: not lost. */
  readonly reason: string;
  /** Of a segment without checksums, as version 0.1.0 wrote them. */
  readonly isUnchecked?: boolean;
}

/** Both as one; undefined unless `next` lies right behind `part`. */
export function joinParts(part: SpoolPart, next: SpoolPart): SpoolPart | undefined {
  if (next.path !== part.path || next.offset !== part.offset + part.lengthBytes) return undefined;
  const [packets, lengthBytes] = [part.packets + next.packets, part.lengthBytes + next.lengthBytes];
  return { ...part, packets, lengthBytes, packetBytes: part.packetBytes + next.packetBytes };
}

/** Number of the packet behind them all; `before` when there are none. */
export function endOf(parts: readonly SpoolPart[], before: number): number {
  const last = parts.at(-1);
  return last === undefined ? before : last.first + last.packets;
}

/** A part that is lost. */
export function lostPart(first: number, end: number, reason: string): SpoolPart {
  return { first, packets: end - first, path: "", offset: 0, lengthBytes: 0, packetBytes: 0, reason };
}
