/**
 * How much memory a program's control group would still let it touch: a page of shared memory is charged to whoever touches it
 * first, and beyond the limit the kernel ends a process.
 *
 * @module
 */
import { dirname } from "node:path";

const ROOT = "/sys/fs/cgroup";
/** Limit and use: of version 2, then of version 1's memory controller. */
const FILES = [["memory.max", "memory.current"], ["memory.limit_in_bytes", "memory.usage_in_bytes"]] as const;

/** The least that any group on the way to the root leaves free; 0 when it cannot be known. */
export function cgroupRoomBytes(pid: number): number {
  try {
    let room = Infinity;
    for (const line of Deno.readTextFileSync(`/proc/${pid}/cgroup`).trim().split("\n")) {
      const [, controllers, path] = /^\d+:([^:]*):(.*)$/.exec(line)!;
      if (controllers === "") room = Math.min(room, roomBelow(ROOT, path));
      else if (controllers.split(",").includes("memory")) {
        room = Math.min(room, roomBelow(`${ROOT}/memory`, path));
      }
    }
    return room;
  } catch {
    return 0;
  }
}

function roomBelow(root: string, path: string): number {
  let room = Infinity;
  for (let group = path; group !== "/" && group !== "."; group = dirname(group)) {
    for (const [limit, used] of FILES) {
      const bytes = read(`${root}${group}/${limit}`);
      if (bytes !== undefined) room = Math.min(room, bytes - (read(`${root}${group}/${used}`) ?? bytes));
    }
  }
  return room;
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
