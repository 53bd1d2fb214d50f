// SPDX-License-Identifier: MIT
/** What `run` says of programs that were not mirrored. @module */
import type { MirrorBooks } from "../net/agent/books.ts";
import type { LookoutReport, Unmirrored } from "../net/agent/unmirrored/lookout.ts";
import { type Reason, reasonText } from "../net/agent/unmirrored/reasons.ts";

/** Lines for people, and the same as numbers. */
export interface Remarks {
  readonly lines: readonly string[];
  /** Processes by reason. */
  readonly counts: ReadonlyMap<Reason, number>;
}

export const NO_REMARKS: Remarks = { lines: [], counts: new Map() };

/** Processes of which something was mirrored, or at least captured. */
export function mirroredProcesses({ programs }: Pick<MirrorBooks, "programs">): Set<number> {
  const told = programs.filter(({ counters }) =>
    counters.flows > 0 || counters.captured.some((bytes) => bytes > 0)
  );
  return new Set(told.map(({ program }) => program.pid));
}

/**
 * What to say of the program `name` and those that it started.
 *
 * @param isMirrored something was
 * @param hasRefused the agent counts programs that it could not serve, by its own reasons: those had made no call that it saw
 */
export function remarksOn(
  { first, others, ended }: LookoutReport,
  name: string,
  { isMirrored, hasRefused }: { isMirrored: boolean; hasRefused: boolean },
): Remarks {
  const lines: string[] = [];
  const counts = new Map<Reason, number>();
  const say = ({ reason, pids }: Unmirrored, who: string) => {
    if (reason === "no-clear-text" && hasRefused) return;
    lines.push(`${who} was not mirrored: ${reasonText(reason)}`);
    counts.set(reason, (counts.get(reason) ?? 0) + pids.length);
  };
  // A shell without TLS has done its part when what it started was mirrored, or is told below.
  const isExcused = first?.reason === "no-tls-library" && (isMirrored || others.length > 0);
  if (first !== undefined && !isExcused) say(first, name);
  for (const other of others) say(other, `${other.comm || "a program"}[${pidsText(other.pids)}]`);
  if (ended > 0) {
    lines.push(
      `${ended} more ${ended === 1 ? "process" : "processes"} ended before a look at what was mapped`,
    );
    counts.set("ended", (counts.get("ended") ?? 0) + ended);
  }
  return { lines, counts };
}

const PIDS_SHOWN = 3;

function pidsText(pids: readonly number[]): string {
  const rest = pids.length - PIDS_SHOWN;
  return pids.slice(0, PIDS_SHOWN).join(", ") + (rest > 0 ? ` and ${rest} more` : "");
}
