// SPDX-License-Identifier: MIT
/** What executables told of their TLS, kept on disk: one of 100 MB takes longer to read than all processes of a host. @module */
import * as v from "valibot";
import { type Executable, readExecutable } from "./executable.ts";
import type { TlsLibrary } from "./mapped.ts";

/** Counts up when an executable would be read otherwise. */
const VERSION = 1;
/** Files that are kept: those that were asked for last. */
const ENTRIES_MAX = 4096;

const entrySchema = v.strictObject({
  isStatic: v.boolean(),
  libraries: v.array(v.string()),
  builtIn: v.optional(v.string()),
});
const fileSchema = v.strictObject({
  version: v.literal(VERSION),
  files: v.record(v.string(), v.nullable(entrySchema)),
});
type Entry = v.InferOutput<typeof entrySchema>;

/** Executables by device, inode, size and time of change. */
export class ExecutableCache {
  readonly #path: string;
  readonly #files: Map<string, Entry | null>;
  #hasGrown = false;

  private constructor(path: string, files: Map<string, Entry | null>) {
    this.#path = path;
    this.#files = files;
  }

  /** Opens the file at `path`; one that is not there, or of no use, is empty. */
  static open(path: string): ExecutableCache {
    try {
      const { files } = v.parse(fileSchema, JSON.parse(Deno.readTextFileSync(path)));
      return new ExecutableCache(path, new Map(Object.entries(files)));
    } catch {
      return new ExecutableCache(path, new Map());
    }
  }

  /** As {@linkcode readExecutable} answers. */
  read(path: string): Executable | undefined {
    const key = keyOf(path);
    if (key === undefined) return undefined;
    let entry = this.#files.get(key);
    if (entry === undefined) {
      entry = entryOf(readExecutable(path));
      this.#hasGrown = true;
    }
    this.#files.delete(key);
    this.#files.set(key, entry);
    return entry === null ? undefined : {
      isStatic: entry.isStatic,
      libraries: new Set(entry.libraries as TlsLibrary[]),
      builtIn: entry.builtIn as Executable["builtIn"],
    };
  }

  /** Keeps what is new, for its owner only; where that cannot be, the next look takes longer. */
  save(): void {
    if (!this.#hasGrown) return;
    const files = Object.fromEntries([...this.#files].slice(-ENTRIES_MAX));
    const temporary = `${this.#path}.${Deno.pid}`;
    try {
      Deno.mkdirSync(this.#path.slice(0, this.#path.lastIndexOf("/")), { recursive: true, mode: 0o700 });
      Deno.writeTextFileSync(temporary, JSON.stringify({ version: VERSION, files }), {
        mode: 0o600,
        createNew: true,
      });
      Deno.renameSync(temporary, this.#path);
    } catch {
      // A host without a place for it is looked at anew each time.
    }
  }
}

function entryOf(executable: Executable | undefined): Entry | null {
  if (executable === undefined) return null;
  const { isStatic, libraries, builtIn } = executable;
  return { isStatic, libraries: [...libraries], builtIn };
}

function keyOf(path: string): string | undefined {
  try {
    const { dev, ino, size, mtime } = Deno.statSync(path);
    return `${dev}:${ino}:${size}:${mtime?.getTime()}`;
  } catch {
    return undefined;
  }
}
