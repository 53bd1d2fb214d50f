// SPDX-License-Identifier: MIT
/** Waiting for what other processes do to files, without looking again and again. @module */
import { dirname } from "node:path";
import { awaited } from "../../support/until.ts";

/**
 * Resolves with what `look` answers as soon as that is not undefined. It is called at once, and after every change below
 * `folder`.
 */
export async function whenChanged<T>(
  folder: string,
  what: string,
  look: () => T | undefined | Promise<T | undefined>,
): Promise<T> {
  using watcher = Deno.watchFs(folder);
  return await awaited(what, found(watcher, look));
}

async function found<T>(
  watcher: Deno.FsWatcher,
  look: () => T | undefined | Promise<T | undefined>,
): Promise<T> {
  const found = await look();
  if (found !== undefined) return found;
  for await (const _change of watcher) {
    const found = await look();
    if (found !== undefined) return found;
  }
  throw new Error("no more changes are told");
}

/** Resolves with the size of a file as soon as it is more than `sizeBytes`. */
export function fileExceeds(path: string, sizeBytes: number): Promise<number> {
  return whenChanged(dirname(path), `${path} to exceed ${sizeBytes} bytes`, () => {
    const { size } = Deno.statSync(path);
    return size > sizeBytes ? size : undefined;
  });
}
