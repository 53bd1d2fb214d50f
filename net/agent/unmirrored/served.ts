// SPDX-License-Identifier: MIT
/** The agent that programs are meant to find, as far as reasons go by it. @module */
import type { Served } from "./classify.ts";

/**
 * The agent of a runtime directory, as this user's.
 *
 * @param systemSinceMs when ld.so.preload came to name the hook, milliseconds since 1970; undefined: it does not
 */
export function servedBy(runtimeDir: string, systemSinceMs?: number): Served {
  return { region: "sslcollector", runtimeDir, uid: Deno.uid() ?? 0, systemSinceMs };
}
