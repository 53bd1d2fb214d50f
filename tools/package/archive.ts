// SPDX-License-Identifier: MIT
/** Archives for where no package fits: everything in one folder. @module */
import { basename, dirname } from "node:path";
import { type Entry, placeEntries, zshCompletion } from "./content.ts";
import { tool } from "./tool.ts";

/** Where files of a system's package are in the folder. */
const PLACES: readonly (readonly [of: RegExp, place: string])[] = [
  [/^(usr\/bin|usr\/lib\/sslcollector|etc|usr\/share\/doc\/sslcollector)\//, ""],
  [/^usr\/lib\/systemd\/system\//, "systemd/"],
  [/^usr\/share\/man\/man1\//, "man/"],
  [/^usr\/share\/(bash-completion|fish|zsh)\/.*\//, "completions/"],
];

/** What the folder has of a system's package. */
export async function archiveEntries(entries: readonly Entry[]): Promise<Entry[]> {
  const all = [...entries, await zshCompletion("usr/share/zsh/site-functions")];
  return all.filter(({ path }) => !path.endsWith("/packaged")).map((entry) => {
    const [of, place] = PLACES.find(([of]) => of.test(entry.path))!;
    const name = entry.path.replace(of, place);
    return { ...entry, path: name === "completions/sslcollector" ? `${name}.bash` : name };
  });
}

/** Writes a folder of the name that archives of it begin with. */
export async function placeFolder(folder: string, entries: readonly Entry[], date: Date): Promise<void> {
  await placeEntries(folder, entries, date);
  for (const { path } of entries) {
    for (let parent = dirname(path); parent !== "."; parent = dirname(parent)) {
      await Deno.utime(`${folder}/${parent}`, date, date);
    }
  }
  await Deno.utime(folder, date, date);
}

export async function makeTar(folder: string, to: string, date: Date): Promise<void> {
  const owner = ["--owner=0", "--group=0", "--numeric-owner", "--format=gnu"];
  const name = basename(folder);
  await tool("tar", [
    "--create",
    "--sort=name",
    ...owner,
    "--use-compress-program=gzip -n",
    "--file",
    to,
    name,
  ], {
    date,
    cwd: dirname(folder),
  });
}

export async function makeZip(folder: string, to: string, date: Date): Promise<void> {
  await Deno.remove(to).catch(() => {});
  const names = [...walk(folder)].map((path) => path.slice(dirname(folder).length + 1)).sort();
  await tool("zip", ["--quiet", "-X", to, ...names], { date, cwd: dirname(folder) });
}

function* walk(folder: string): Generator<string> {
  for (const { name, isDirectory } of Deno.readDirSync(folder)) {
    if (isDirectory) yield* walk(`${folder}/${name}`);
    else yield `${folder}/${name}`;
  }
}
