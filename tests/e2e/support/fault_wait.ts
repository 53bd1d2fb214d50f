// SPDX-License-Identifier: MIT
/** Waiting for what other processes do to files, without looking again and again. @module */
import { dirname } from "node:path";

/** Nothing that a test waits for takes longer; the test fails then. */
const PATIENCE_MS = 30_000;

/**
 * Resolves with what `look` answers as soon as that is not undefined. It is called at once, and after every change below
 * `folder`. Rejects with `what` when nothing comes of it.
 */
export async function whenChanged<T>(
  folder: string,
  what: string,
  look: () => T | undefined | Promise<T | undefined>,
): Promise<T> {
  using watcher = Deno.watchFs(folder);
  const impatience = setTimeout(() => watcher.close(), PATIENCE_MS);
  try {
    const found = await look();
    if (found !== undefined) return found;
    for await (const _change of watcher) {
      const found = await look();
      if (found !== undefined) return found;
    }
    throw new Error(`waited ${PATIENCE_MS / 1000} s in vain for ${what}`);
  } finally {
    clearTimeout(impatience);
  }
}

/** Resolves with the size of a file as soon as it is more than `sizeBytes`. */
export function fileExceeds(path: string, sizeBytes: number): Promise<number> {
  return whenChanged(dirname(path), `${path} to exceed ${sizeBytes} bytes`, () => {
    const { size } = Deno.statSync(path);
    return size > sizeBytes ? size : undefined;
  });
}
