// SPDX-License-Identifier: MIT
/** Processes that a test has started, and those that they have started. @module */

/** Of the kernel's clock, in which the start of a process is told; from the end of the program's name on, fields 4 and 22. */
const TICKS_A_SECOND = 100;
const PARENT_FIELD = 4 - 3;
const START_FIELD = 22 - 3;

interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly startTicks: number;
}

const isLinux = Deno.build.os === "linux";

/** The time since the machine's start, as processes' starts are told. */
export function nowTicks(): number {
  if (!isLinux) return 0;
  return Math.floor(parseFloat(Deno.readTextFileSync("/proc/uptime")) * TICKS_A_SECOND);
}

function processes(): Process[] {
  const found: Process[] = [];
  for (const { name } of Deno.readDirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const stat = Deno.readTextFileSync(`/proc/${name}/stat`);
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      found.push({
        pid: Number(name),
        parent: Number(fields[PARENT_FIELD]),
        startTicks: Number(fields[START_FIELD]),
      });
    } catch {
      // It has ended meanwhile.
    }
  }
  return found;
}

/** Kills what this process and its children have started since then. */
export function endProcessesSince(startTicks: number): void {
  if (!isLinux) return;
  const all = processes();
  const family = new Set([Deno.pid]);
  for (let size = 0; size !== family.size;) {
    size = family.size;
    for (const { pid, parent } of all) if (family.has(parent)) family.add(pid);
  }
  family.delete(Deno.pid);
  for (const { pid, startTicks: start } of all) {
    if (!family.has(pid) || start < startTicks) continue;
    try {
      Deno.kill(pid, "SIGKILL");
    } catch {
      // It has ended meanwhile.
    }
  }
}
