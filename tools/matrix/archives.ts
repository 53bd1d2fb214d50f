// SPDX-License-Identifier: MIT
/** What users unpack, made of an executable as `deno task package` makes it. @module */
import { archiveEntries, makeTar, placeFolder } from "../package/archive.ts";
import { systemEntries } from "../package/content.ts";
import { withOwnLibc } from "../package/own_libc.ts";
import { usedPackages } from "../package/packages.ts";
import { buildHook } from "../hook.ts";

/** Paths of archives for this machine. */
export interface Archives {
  readonly usual: string;
  /** For systems with an older C library. */
  readonly ownLibc: string;
}

/** Makes them in `folder`. */
export async function makeArchives(executable: string, folder: string): Promise<Archives> {
  const date = new Date(0);
  const parts = { executable, hook: await buildHook(), packages: await usedPackages(), date };
  const entries = await archiveEntries(await systemEntries(parts));
  const made = { usual: `${folder}/usual.tar.gz`, ownLibc: `${folder}/own-libc.tar.gz` };
  await placeFolder(`${folder}/usual`, entries, date);
  await makeTar(`${folder}/usual`, made.usual, date);
  await placeFolder(`${folder}/own-libc`, await withOwnLibc(entries, executable), date);
  await makeTar(`${folder}/own-libc`, made.ownLibc, date);
  return made;
}
