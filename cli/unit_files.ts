// SPDX-License-Identifier: MIT
/** What the unit files of a systemd service say (systemd.syntax(7), systemd.unit(5)). @module */
import { join } from "node:path";
import { isFile } from "../net/ffi/stat.ts";

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

/** Where systemd keeps units that it makes by itself, of scripts of SysV's init for example. */
const GENERATED_FOLDERS = ["generator", "generator.early", "generator.late"].map((name) =>
  `/run/systemd/${name}`
);

/** Whether `service` has a unit's own file below `root`. */
export function hasUnitFile(root: string, service: string): boolean {
  return ownFile(root, service, [...UNIT_FOLDERS, ...GENERATED_FOLDERS]) !== undefined;
}

/** Values of a setting that each assignment adds to; an empty one takes back those before it. */
export function listOf(assignments: readonly Assignment[], name: string): string[] {
  const values = assignments.filter((one) => one.name === name).map(({ value }) => value);
  return values.slice(values.lastIndexOf("") + 1);
}

/** The unit's own file, then its drop-ins in the order in which they are read. */
function unitFiles(root: string, service: string): string[] {
  const names = namesOf(service);
  const own = ownFile(root, service, UNIT_FOLDERS);
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

/** Of an instance its template's name stands before its own. */
function namesOf(service: string): string[] {
  return [service.replace(/@.+\./, "@."), service];
}

function ownFile(root: string, service: string, folders: readonly string[]): string | undefined {
  return namesOf(service).reverse().flatMap((name) => folders.map((folder) => join(root, folder, name)))
    .find(isFile);
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

function list(folder: string): string[] {
  try {
    return [...Deno.readDirSync(folder)].map(({ name }) => name);
  } catch {
    return [];
  }
}
