// SPDX-License-Identifier: MIT
/** Names of a series of capture files, as `dumpcap -b` makes them. @module */

import { basename, dirname, join } from "node:path";

/** Files of the series of `path` that are there, oldest first. */
export function rotatedFiles(path: string): string[] {
  const folder = dirname(path);
  const [stem, extension] = splitName(basename(path));
  const found: { readonly name: string; readonly age: string }[] = [];
  for (const { name, isFile } of Deno.readDirSync(folder)) {
    if (!isFile || !name.startsWith(`${stem}_`) || !name.endsWith(extension)) continue;
    const parts = /^_(\d{5,})_(\d{14})$/.exec(name.slice(stem.length, name.length - extension.length));
    if (parts) found.push({ name, age: parts[2] + parts[1].padStart(16, "0") });
  }
  return found.sort((a, b) => a.age < b.age ? -1 : 1).map(({ name }) => join(folder, name));
}

/** `dir/out.pcapng` becomes `dir/out_00001_20240131235959.pcapng`, in local time; `timeMs` since 1970. */
export function rotatedPath(path: string, fileNumber: number, timeMs: number): string {
  const [stem, extension] = splitName(path);
  return `${stem}_${String(fileNumber).padStart(5, "0")}_${stamp(timeMs)}${extension}`;
}

/** `dir/out.pcapng` is `dir/out` and `.pcapng`; a dot that begins the name begins no extension. */
export function splitName(path: string): [stem: string, extension: string] {
  const nameStart = Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\")) + 1;
  const dot = path.lastIndexOf(".");
  const stemEnd = dot > nameStart ? dot : path.length;
  return [path.slice(0, stemEnd), path.slice(stemEnd)];
}

/** `YYYYMMDDHHMMSS` in local time. */
function stamp(timeMs: number): string {
  const date = new Date(timeMs);
  const two = (value: number) => String(value).padStart(2, "0");
  return `${date.getFullYear()}${two(date.getMonth() + 1)}${two(date.getDate())}` +
    `${two(date.getHours())}${two(date.getMinutes())}${two(date.getSeconds())}`;
}
