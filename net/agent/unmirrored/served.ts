// SPDX-License-Identifier: MIT
/** The agent that programs are meant to find, as far as reasons go by it. @module */
import { regionName, rendezvousOf } from "../../capture/record/layout.ts";
import type { Served } from "./classify.ts";

/**
 * The agent of a runtime directory.
 *
 * @param systemSinceMs when ld.so.preload came to name the hook, milliseconds since 1970; undefined: it does not
 */
export function servedBy(runtimeDir: string, systemSinceMs?: number): Served {
  return {
    region: regionName(rendezvousOf(runtimeDir)),
    runtimeDir,
    uid: ownerOf(runtimeDir),
    systemSinceMs,
  };
}

/** An agent's runtime directory is its own; where there is none yet, it would be this user's. */
function ownerOf(runtimeDir: string): number {
  try {
    return Deno.statSync(runtimeDir).uid ?? 0;
  } catch {
    return Deno.uid() ?? 0;
  }
}
