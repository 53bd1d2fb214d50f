// SPDX-License-Identifier: MIT
/** Processes by their numbers. @module */
import { errno, ESRCH, libc } from "../../ffi/libc.ts";

/** Whether there is a process of this number; one that may not be asked is. */
export function isAlive(pid: number): boolean {
  return libc().kill(pid, 0) === 0 || errno() !== ESRCH;
}
