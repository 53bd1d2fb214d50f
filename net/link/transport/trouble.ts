// SPDX-License-Identifier: MIT
/** What is said of a collector whose bytes cannot be read. @module */
import { TlsInstead } from "../blocks/batch_walker.ts";

/** One line; `error` is what reading threw. */
export function collectorTrouble(error: unknown): string {
  return error instanceof TlsInstead
    ? "collector speaks TLS: leave tcp:// out"
    : `collector sent rubbish: ${(error as Error).message}`;
}
