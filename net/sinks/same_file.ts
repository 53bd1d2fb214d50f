// SPDX-License-Identifier: MIT
/** Whether two paths name one file. @module */
import { basename, dirname, join, resolve } from "node:path";
import { statOf } from "../ffi/stat.ts";

/**
 * Whether two paths lead to one file, also through links and other spellings; files that are not there yet are told by
 * their directories.
 */
export function isSameFile(one: string, other: string): boolean {
  if (placeOf(one) === placeOf(other)) return true;
  const [a, b] = [statOf(one), statOf(other)];
  return a !== undefined && b !== undefined && a.ino !== null && a.ino === b.ino && a.dev === b.dev;
}

/** Links followed on the way to a file: as many as Linux follows. */
const LINKS_MAX = 40;

/** Absolute, with links resolved, also one to a file that is not there. */
function placeOf(path: string): string {
  let place = resolve(path);
  try {
    for (let links = 0; links < LINKS_MAX; links++) {
      const folder = Deno.realPathSync(dirname(place));
      place = join(folder, basename(place));
      if (!Deno.lstatSync(place).isSymlink) break;
      place = resolve(folder, Deno.readLinkSync(place));
    }
  } catch {
    // What is not there is no link.
  }
  return place;
}
