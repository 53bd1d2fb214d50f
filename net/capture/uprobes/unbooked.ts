// SPDX-License-Identifier: MIT
/** What probes and their reader have counted that is in no program's books, in words. Pure. @module */
import type { ProbeCounters } from "./flows.ts";
import type { KernelCounters } from "./kernel_state.ts";

/** A line for each kind of it. */
export function unbooked(
  { lost, untracked, unplaced }: Pick<KernelCounters, "lost" | "untracked" | "unplaced">,
  { missing, ignored, roleless, undecided }: Pick<
    ProbeCounters,
    "missing" | "ignored" | "roleless" | "undecided"
  >,
): string[] {
  const lines: string[] = [];
  const unopened = lost - missing - unplaced;
  if (unopened > 0) {
    lines.push(
      `${unopened} bytes are in no flow: the ring was full from the beginning of their sessions on`,
    );
  }
  if (untracked > 0) {
    lines.push(
      `${untracked} calls of TLS libraries, with ${unplaced} bytes that are known of, were not followed: ` +
        "no place was left for their sessions",
    );
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
