// SPDX-License-Identifier: MIT
/** Who has the hook loaded, and which agent it would find. @module */
import { join } from "node:path";
import { CONTROL, MAGIC, PAGE } from "../capture/record/layout.ts";
import { printable } from "../wire/printable.ts";
import { LIBRARY_NAME } from "./hook_library.ts";

export interface HookedProgram {
  readonly pid: number;
  readonly comm: string;
}

/** Programs whose maps may be read and show the library. */
export function hookedPrograms(): HookedProgram[] {
  const programs: HookedProgram[] = [];
  for (const { name } of Deno.readDirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      if (!Deno.readTextFileSync(`/proc/${name}/maps`).includes(LIBRARY_NAME)) continue;
      programs.push({
        pid: Number(name),
        comm: printable(Deno.readTextFileSync(`/proc/${name}/comm`).trim()),
      });
    } catch {
      // It has ended, or is somebody else's.
    }
  }
  return programs.sort((a, b) => a.pid - b.pid);
}

/** One phrase about the agent of a runtime directory. */
export function describeAgent(runtimeDir: string): string {
  try {
    const page = Deno.readFileSync(join(runtimeDir, "control"));
    const view = new DataView(page.buffer);
    if (page.length < PAGE || view.getUint32(CONTROL.magic, true) !== MAGIC) {
      return `no control page in ${runtimeDir}`;
    }
    const pid = view.getUint32(CONTROL.agentPid, true);
    return `${isAlive(pid) ? "running" : "gone"}, pid ${pid}, in ${runtimeDir}`;
  } catch (error) {
    return error instanceof Deno.errors.NotFound ? `none in ${runtimeDir}` : (error as Error).message;
  }
}

function isAlive(pid: number): boolean {
  try {
    Deno.statSync(`/proc/${pid}`);
    return true;
  } catch {
    return false;
  }
}
