// SPDX-License-Identifier: MIT
/** The source files of a checkout. @module */
import { extname, join } from "node:path";

/** Paths from the checkout's root, of TypeScript and of the hook's C, below `folder`; `""` is the root. */
export function* sources(folder: string): Generator<string> {
  for (const entry of Deno.readDirSync(folder || ".")) {
    const path = join(folder, entry.name);
    if (entry.isDirectory && !/^(\.|dist$|node_modules$)/.test(entry.name)) yield* sources(path);
    else if (entry.isFile && (extname(path) === ".ts" || /^hook\/.*\.[ch]$/.test(path))) yield path;
  }
}
