// SPDX-License-Identifier: MIT
/** Room for a new file where there is one whose content is not ours to erase. @module */
import { systemError } from "../ffi/system_error.ts";

/** Renames it to the first free of `PATH.old-1`, `PATH.old-2`, …, and says so. Throws an `Error` of one line. */
export function moveAside(path: string, why: string, warn: (message: string) => void): void {
  for (let at = 1;; at++) {
    const aside = `${path}.old-${at}`;
    try {
      Deno.lstatSync(aside);
      continue;
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
    try {
      Deno.renameSync(path, aside);
    } catch (error) {
      const { text } = systemError(error);
      throw new Error(
        `cannot write ${JSON.stringify(path)}: ${why}, and moving it aside failed: ${text}`,
      );
    }
    return warn(`${path}: ${why}; moved to ${aside}`);
  }
}
