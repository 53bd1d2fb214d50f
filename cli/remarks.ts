// SPDX-License-Identifier: MIT
/** What `run` and the agent say of programs that were not mirrored. @module */
import type { MirrorBooks } from "../net/agent/books.ts";
import type { LookoutReport } from "../net/agent/unmirrored/lookout.ts";
import { type Reason, reasonText } from "../net/agent/unmirrored/reasons.ts";
import type { Unmirrored } from "../net/agent/unmirrored/unmirrored.ts";

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

/** Processes that the agent has met, whether or not they passed anything. */
export function metProcesses({ programs }: Pick<MirrorBooks, "programs">): Set<number> {
  return new Set(programs.map(({ program }) => program.pid));
}

/**
 * Whether the agent had to do with programs that it cannot name: it refused some, or so many ended that they share a row of the
 * books.
 */
export function hasUnnamed({ programs, refused }: Pick<MirrorBooks, "programs" | "refused">): boolean {
  return refused.size > 0 || programs.some(({ program }) => program.id === 0);
}

/**
 * What to say of the program `name` and those that it started.
 *
 * @param isMirrored something was
 * @param met processes that the agent has met: they came by the hook's shared memory after the look
 * @param isUnsure what had the hook's shared memory may be what the agent cannot name, {@linkcode hasUnnamed}
 */
export function remarksOn(
  { first, others, ended }: LookoutReport,
  name: string,
  { isMirrored, isUnsure, met }: { isMirrored: boolean; isUnsure: boolean; met: ReadonlySet<number> },
): Remarks {
  const corrected = (one: Unmirrored): Unmirrored =>
    one.reason === "no-region" && one.pids.every((pid) => met.has(pid))
      ? { ...one, reason: "no-clear-text" }
      : one;
  const isSure = ({ reason }: Unmirrored) => !(isUnsure && reason === "no-clear-text");
  // A shell without TLS has done its part when what it started was mirrored, or is told below.
  const isExcused = first?.reason === "no-tls-library" && (isMirrored || others.length > 0);
  const told = [
    ...(first === undefined || isExcused ? [] : [{ ...corrected(first), who: name }]),
    ...others.map((other) => ({ ...corrected(other), who: nameOf(other) })),
  ].filter(isSure);
  const lines = told.map(lineOn);
  const counts = countsOf(told);
  if (ended > 0) {
    const processes = ended === 1 ? "process" : "processes";
    lines.push(`${ended} more ${processes} ended before a look at what was mapped`);
    counts.set("ended", (counts.get("ended") ?? 0) + ended);
  }
  return { lines, counts };
}

/**
 * What to say of programs that run, and that the hook does not serve.
 *
 * @param unseen processes at which nobody looked, for want of time
 */
export function remarksOnRunning(
  { programs, unseen }: { programs: readonly Unmirrored[]; unseen: number },
): Remarks {
  const lines = programs.map((one) => lineOn({ ...one, who: nameOf(one) }));
  if (unseen > 0) lines.push(`${unseen} processes were not looked at, whether the hook keeps silent in them`);
  return { lines, counts: countsOf(programs) };
}

function lineOn({ who, reason }: { who: string; reason: Reason }): string {
  return `${who} was not mirrored: ${reasonText(reason)}`;
}

function countsOf(programs: readonly Unmirrored[]): Map<Reason, number> {
  const counts = new Map<Reason, number>();
  for (const { reason, pids } of programs) counts.set(reason, (counts.get(reason) ?? 0) + pids.length);
  return counts;
}

const PIDS_SHOWN = 3;

function nameOf({ comm, pids }: Unmirrored): string {
  const rest = pids.length - PIDS_SHOWN;
  const shown = pids.slice(0, PIDS_SHOWN).join(", ") + (rest > 0 ? ` and ${rest} more` : "");
  return `${comm || "a program"}[${shown}]`;
}
