// SPDX-License-Identifier: MIT
/**
 * How much memory a program's control group would still let it touch: a page of shared memory is charged to whoever touches it
 * first, and beyond the limit the kernel ends a process.
 *
 * @module
 */
import { dirname } from "node:path";

const ROOT = "/sys/fs/cgroup";
/** Limit and use. */
const FIRST_VERSION = ["memory.limit_in_bytes", "memory.usage_in_bytes"] as const;
const SECOND_VERSION = ["memory.max", "memory.current"] as const;
/** Version 1 says so, in pages, when there is no limit. */
const UNLIMITED = 2 ** 60;
/** Of `/proc/sys/vm/overcommit_memory`: the kernel promises no more memory than there is. */
const OVERCOMMIT_NEVER = 2;

/**
 * The least that any group of a process on the way to the root leaves free: Infinity where none has a limit, and of a process
 * that is gone, which touches nothing any more; 0 when it cannot be known, and where the kernel may have no memory behind
 * a page that was not made ready.
 */
export function cgroupRoomBytes(pid: number): number {
  if (read("/proc/sys/vm/overcommit_memory") === OVERCOMMIT_NEVER) return 0;
  try {
    return roomOfGroups(Deno.readTextFileSync(`/proc/${pid}/cgroup`));
  } catch (error) {
    return error instanceof Deno.errors.NotFound ? Infinity : 0;
  }
}

/** The same for what a `/proc/PID/cgroup` says; `root` is where control groups are mounted. */
export function roomOfGroups(memberships: string, root = ROOT): number {
  let unified: string | undefined;
  for (const line of memberships.trim().split("\n")) {
    const match = /^\d+:([^:]*):(.*)$/.exec(line);
    if (match === null) return 0;
    const [, controllers, path] = match;
    if (controllers.split(",").includes("memory")) return roomBelow(`${root}/memory`, path, FIRST_VERSION);
    if (controllers === "") unified = path;
  }
  return unified === undefined ? Infinity : roomBelow(root, unified, SECOND_VERSION);
}

function roomBelow(root: string, path: string, [limitFile, usedFile]: readonly [string, string]): number {
  let room = Infinity;
  for (let group = path;; group = dirname(group)) {
    const folder = `${root}${group === "/" ? "" : group}`;
    const limit = read(`${folder}/${limitFile}`);
    // Not in this mount, or outside of the agent's cgroup namespace: those above it here are not its own.
    if (limit === undefined && group === path && path !== "/") return 0;
    if (limit !== undefined && limit < UNLIMITED) {
      room = Math.min(room, Math.max(0, limit - (read(`${folder}/${usedFile}`) ?? limit)));
    }
    if (group === "/" || group === ".") return room;
  }
}

/** `undefined` when there is no such file, as in a root group; "max" is no limit. */
function read(path: string): number | undefined {
  try {
    const text = Deno.readTextFileSync(path).trim();
    return text === "max" ? Infinity : Number(text);
  } catch {
    return undefined;
  }
}
