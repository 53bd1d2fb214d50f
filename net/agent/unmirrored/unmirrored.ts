// SPDX-License-Identifier: MIT
/** Programs that were not mirrored, as they are told. Pure. @module */
import type { Reason } from "./reasons.ts";

/** Processes of one name that were not mirrored for one reason. */
export interface Unmirrored {
  readonly comm: string;
  readonly reason: Reason;
  readonly pids: readonly number[];
}

/** Puts processes of one name and reason together, each once. */
export function grouped(found: Iterable<{ comm: string; reason: Reason; pid: number }>): Unmirrored[] {
  const groups = new Map<string, { comm: string; reason: Reason; pids: number[] }>();
  for (const { comm, reason, pid } of found) {
    const key = `${comm}\0${reason}`;
    const group = groups.get(key) ?? { comm, reason, pids: [] };
    groups.set(key, group);
    if (!group.pids.includes(pid)) group.pids.push(pid);
  }
  return [...groups.values()];
}
