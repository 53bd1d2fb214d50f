// SPDX-License-Identifier: MIT
/** The files of a rotating sink: what the next is called, and which is deleted when there are too many. @module */
import { systemError } from "../ffi/system_error.ts";
import { rotatedFiles, rotatedPath } from "./rotated_path.ts";

/** Names files after `path`, and keeps `keep` of them, those of earlier runs among them; undefined: all. */
export class FileSeries {
  readonly #path: string;
  readonly #keep: number;
  /** Files of earlier runs that count too, oldest first. */
  readonly #older: string[];
  #number = 0;

  constructor(path: string, keep: number | undefined) {
    this.#path = path;
    this.#keep = keep ?? Infinity;
    this.#older = keep === undefined ? [] : rotatedFiles(path);
  }

  /** The next name; another run that began within its second may have taken some. */
  nextPath(timeMs: number): string {
    while (true) {
      const path = rotatedPath(this.#path, ++this.#number, timeMs);
      try {
        Deno.lstatSync(path);
      } catch {
        return path;
      }
    }
  }

  /** Deletes what is too much; of `files`, this run's with the oldest first, those that are deleted are taken out. */
  deleteOldest(files: { readonly path: string }[], warn: (message: string) => void): void {
    while (this.#older.length + files.length > this.#keep) {
      try {
        Deno.removeSync(this.#older.shift() ?? files.shift()!.path);
      } catch (error) {
        if (!(error instanceof Deno.errors.NotFound)) {
          warn(`cannot delete an old file: ${systemError(error).text}`);
        }
      }
    }
  }
}
