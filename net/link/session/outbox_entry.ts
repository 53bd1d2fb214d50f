// SPDX-License-Identifier: MIT
/** What an outbox keeps account of. @module */
import type { SpoolPart } from "./spool_part.ts";

/** What an entry costs beside its packets, about. */
export const ENTRY_BYTES = 512;

/** Packets that are or were kept in one place, or that were lost together. */
export interface Entry {
  /** Number of its first packet. */
  readonly first: number;
  packets: number;
  /** Absent: on disk, or lost. */
  bytes: Uint8Array<ArrayBuffer> | undefined;
  lengthBytes: number;
  /** Absent: only in memory, or lost. May hold more than the entry, which has its packets by their numbers. */
  part: SpoolPart | undefined;
  /** Why they were lost; empty: they were not. */
  readonly reason: string;
  /** When it was added, on the clock of the outbox. */
  readonly addedMs: number;
  /** Lost, and in no book yet: the collector may turn out to have them. */
  isUntold: boolean;
}

/** Some of an entry's packets, in their order: those with a reason are lost. */
export interface Piece {
  readonly packets: number;
  readonly lengthBytes: number;
  readonly reason: string;
}

/** An entry on disk as several, one for each piece. */
export function divided(entry: Entry, pieces: readonly Piece[]): Entry[] {
  let { first } = entry;
  return pieces.filter(({ packets }) => packets > 0).map(({ packets, lengthBytes, reason }) => {
    const piece = {
      first,
      packets,
      bytes: undefined,
      lengthBytes: reason === "" ? lengthBytes : 0,
      part: reason === "" ? entry.part : undefined,
      reason,
      addedMs: entry.addedMs,
      isUntold: false,
    };
    first += packets;
    return piece;
  });
}
