// SPDX-License-Identifier: MIT
/** What an outbox keeps account of. @module */
import type { Run } from "../blocks/batch_walker.ts";
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
  /** Absent: only in memory, or lost. */
  part: SpoolPart | undefined;
  /** Why they were lost; empty: they were not. */
  readonly reason: string;
  /** When it was added, on the clock of the outbox. */
  readonly addedMs: number;
}

/**
 * An entry on disk as several: what was sent of it, which may be nothing, and one for each run behind that. Runs that are too long
 * are lost, and with `spool-failed` all are.
 */
export function divided(
  entry: Entry,
  sent: Pick<Run, "packets" | "lengthBytes">,
  runs: readonly Run[],
  reason: "over-mtu" | "spool-failed",
): Entry[] {
  const { path, offset } = entry.part!;
  const pieces: Entry[] = [];
  let [first, at] = [entry.first, offset];
  const add = ({ packets, lengthBytes }: Pick<Run, "packets" | "lengthBytes">, isLost: boolean) => {
    pieces.push({
      first,
      packets,
      bytes: undefined,
      lengthBytes: isLost ? 0 : lengthBytes,
      part: isLost ? undefined : { first, packets, path, offset: at, lengthBytes, reason: "" },
      reason: isLost ? reason : "",
      addedMs: entry.addedMs,
    });
    first += packets;
    at += lengthBytes;
  };
  add(sent, false);
  for (const run of runs) add(run, run.isTooLong || reason === "spool-failed");
  return pieces;
}
