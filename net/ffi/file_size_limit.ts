// SPDX-License-Identifier: MIT
/** A process that may only write files of a certain size (`ulimit -f`). @module */
import { IS_WINDOWS } from "./platform.ts";

let survives = false;

/**
 * From now on a write beyond the limit fails (EFBIG) instead of ending the process. For good: the runtime acts on a signal
 * later, on a thread of its own, and ends the process where the listener is gone by then.
 */
export function surviveFileSizeLimit(): void {
  if (survives || IS_WINDOWS) return;
  survives = true;
  Deno.addSignalListener("SIGXFSZ", () => {});
}
