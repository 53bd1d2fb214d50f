// SPDX-License-Identifier: MIT
/** How many files this process may have open. @module */

/** RLIMIT_NOFILE as it is in force: descriptors have numbers below it, the lowest that is free first. */
export function descriptorLimit(): number {
  const limits = Deno.readTextFileSync("/proc/self/limits");
  return Number(/^Max open files +(\d+)/m.exec(limits)?.[1] ?? Infinity);
}
