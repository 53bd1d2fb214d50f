// SPDX-License-Identifier: MIT
/** Which agent hooks would find. @module */
import { join } from "node:path";
import { CONTROL, MAGIC, PAGE } from "../capture/record/layout.ts";

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
