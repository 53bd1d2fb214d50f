// SPDX-License-Identifier: MIT
/** What the unit files of a systemd service say (systemd.syntax(7), systemd.unit(5)). @module */
import { join } from "node:path";

/** Where unit files are, the first wins. */
const UNIT_FOLDERS = [
  "/etc/systemd/system",
  "/run/systemd/system",
  "/usr/local/lib/systemd/system",
  "/usr/lib/systemd/system",
  "/lib/systemd/system",
];

/** One line of a unit's `[Service]` section; `%` specifiers are not resolved. */
export interface Assignment {
  readonly name: string;
  readonly value: string;
}

/**
 * Every assignment of the files of `service` below `root`, in the order in which they count; none when there is no such file.
 *
 * @param except path below `root` of a drop-in that does not count
 */
export function readUnit(root: string, service: string, except?: string): Assignment[] {
  return unitFiles(root, service).filter((path) => path !== except)
    .flatMap((path) => assignments(Deno.readTextFileSync(path)));
}

/** Values of a setting that each assignment adds to; an empty one takes back those before it. */
export function listOf(assignments: readonly Assignment[], name: string): string[] {
  const values = assignments.filter((one) => one.name === name).map(({ value }) => value);
  return values.slice(values.lastIndexOf("") + 1);
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

/** Of the section `[Service]`; a backslash at a line's end joins it with the next. */
function assignments(text: string): Assignment[] {
  const found: Assignment[] = [];
  let isService = false;
  for (const line of text.replaceAll(/\\\n(?:[#;].*\n)*/g, " ").split("\n")) {
    const section = /^\s*\[(.*)\]\s*$/.exec(line);
    if (section) isService = section[1] === "Service";
    const match = /^\s*([A-Za-z]+)\s*=\s*(.*?)\s*$/.exec(line);
    if (isService && match) found.push({ name: match[1], value: match[2] });
  }
  return found;
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
