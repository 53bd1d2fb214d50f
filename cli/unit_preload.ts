// SPDX-License-Identifier: MIT
/** What a systemd service preloads already (systemd.exec(5)). @module */
import { readUnit } from "./unit_files.ts";

/**
 * The value of `LD_PRELOAD` that the unit files of `service` set, as it stands there. Undefined when they set none. Files for
 * the environment (`EnvironmentFile=`) are not read.
 *
 * @param except path below `root` of a drop-in that does not count
 */
export function unitPreload(root: string, service: string, except: string): string | undefined {
  let preload: string | undefined;
  for (const { name, value } of readUnit(root, service, except)) {
    if (name !== "Environment") continue;
    // An empty assignment takes back those before it.
    if (value === "") preload = undefined;
    for (const word of words(value)) {
      if (word.startsWith("LD_PRELOAD=")) preload = word.slice("LD_PRELOAD=".length);
    }
  }
  return preload || undefined;
}

/** Separated by white space; a word may be quoted as a whole. */
function words(value: string): string[] {
  return [...value.matchAll(/"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|(\S+)/g)].map((match) =>
    match[1] ?? match[2] ?? match[3]
  );
}
