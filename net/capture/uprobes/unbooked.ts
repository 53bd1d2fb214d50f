// SPDX-License-Identifier: MIT
/** What probes and their reader have counted that is in no program's books, in words. Pure. @module */
import type { ProbeCounters } from "./flows.ts";
import type { KernelCounters } from "./kernel_state.ts";

/** A line for each kind of it. */
export function unbooked(
  { lost, untracked }: Pick<KernelCounters, "lost" | "untracked">,
  { missing, ignored, roleless, undecided }: Pick<
    ProbeCounters,
    "missing" | "ignored" | "roleless" | "undecided"
  >,
): string[] {
  const lines: string[] = [];
  const unbooked = lost - missing;
  if (unbooked > 0) lines.push(`${unbooked} bytes that were lost are in no program's books`);
  if (untracked > 0) {
    lines.push(`${untracked} calls of TLS libraries were not followed: no place was left for them`);
  }
  if (undecided > 0) {
    lines.push(
      `${undecided} sessions are not mirrored: their programs ended before it was seen whether the hook tells them`,
    );
  }
  if (roleless > 0) {
    lines.push(
      `${roleless} sessions with ${ignored} bytes are not mirrored: which side their program is could not be read`,
    );
  }
  return lines;
}
