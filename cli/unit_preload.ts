// SPDX-License-Identifier: MIT
/** What a systemd service preloads already (systemd.exec(5), systemd.syntax(7), systemd.unit(5)). @module */
import { join } from "node:path";

/** Where unit files are, the first wins. */
const UNIT_FOLDERS = [
  "/etc/systemd/system",
  "/run/systemd/system",
  "/usr/local/lib/systemd/system",
  "/usr/lib/systemd/system",
  "/lib/systemd/system",
];

/**
 * The value of `LD_PRELOAD` that the unit files of `service` set, as it stands there: `%` specifiers are not resolved. Undefined
 * when they set none. Files for the environment (`EnvironmentFile=`) are not read.
 *
 * @param except path below `root` of a drop-in that does not count
 */
export function unitPreload(root: string, service: string, except: string): string | undefined {
  let preload: string | undefined;
  for (const path of unitFiles(root, service)) {
    if (path === except) continue;
    for (const value of settings(Deno.readTextFileSync(path))) {
      // An empty assignment takes back those before it.
      if (value === "") preload = undefined;
      for (const word of words(value)) {
        if (word.startsWith("LD_PRELOAD=")) preload = word.slice("LD_PRELOAD=".length);
      }
    }
  }
  return preload || undefined;
}

/** The unit's own file, then its drop-ins in the order in which they are read. */
function unitFiles(root: string, service: string): string[] {
  const names = [service.replace(/@.+\./, "@."), service];
  const own = [...names].reverse().flatMap((name) => UNIT_FOLDERS.map((folder) => join(root, folder, name)))
    .find(isFile);
  const dropIns = new Map<string, string>();
  for (
    const folder of names.flatMap((name) =>
      UNIT_FOLDERS.toReversed().map((at) => join(root, at, `${name}.d`))
    )
  ) {
    for (const name of list(folder)) if (name.endsWith(".conf")) dropIns.set(name, join(folder, name));
  }
  const sorted = [...dropIns.keys()].sort().map((name) => dropIns.get(name)!).filter(isFile);
  return own === undefined ? sorted : [own, ...sorted];
}

/** Values of `Environment=`; a backslash at a line's end joins it with the next. */
function settings(text: string): string[] {
  const values: string[] = [];
  for (const line of text.replaceAll(/\\\n(?:[#;].*\n)*/g, " ").split("\n")) {
    const match = /^\s*Environment\s*=\s*(.*?)\s*$/.exec(line);
    if (match) values.push(match[1]);
  }
  return values;
}

/** Separated by white space; a word may be quoted as a whole. */
function words(value: string): string[] {
  return [...value.matchAll(/"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|(\S+)/g)].map((match) =>
    match[1] ?? match[2] ?? match[3]
  );
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

function list(folder: string): string[] {
  try {
    return [...Deno.readDirSync(folder)].map(({ name }) => name);
  } catch {
    return [];
  }
}
