// SPDX-License-Identifier: MIT
/** What is at a path, where it matters to nobody why nothing is. @module */

/** Of what links lead to; undefined where nothing is, or nothing that this process may look at. */
export function statOf(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.statSync(path);
  } catch {
    return undefined;
  }
}

/** Device and inode number of what is there, as one text. */
export function fileKey(path: string): string | undefined {
  const stat = statOf(path);
  return stat && `${stat.dev}:${stat.ino}`;
}

export function exists(path: string): boolean {
  return statOf(path) !== undefined;
}

/** Whether a regular file is there. */
export function isFile(path: string): boolean {
  return statOf(path)?.isFile === true;
}
