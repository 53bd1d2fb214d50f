// SPDX-License-Identifier: MIT
/**
 * TLS libraries on this host: those that the loader finds for any program, those that processes have mapped, in whatever
 * namespace, or that may be built into their executables, and those that may be built into executables that nobody runs yet.
 *
 * @module
 */
import { readMaps } from "../../ffi/process_maps.ts";
import { BUILT_IN, LIBRARY_FOLDERS, libraryOf, type TlsLibrary } from "./libraries.ts";
import { OtherRoots } from "./roots.ts";

/** A file to be probed. */
export interface FoundLibraries {
  /** By which this process reaches it. */
  readonly path: string;
  /** What people call it: its path, as a program reaches it. */
  readonly name: string;
  readonly libraries: readonly TlsLibrary[];
  /** It is not known whether the file has the libraries: that it has not is no news. */
  readonly isGuess: boolean;
}

/** Of each look, this may pass with reading again what was read before: a program may load a library late. */
const AGAIN_MS = 3;
const PROGRAM_FOLDERS = ["/usr/local/bin", "/usr/local/sbin", "/usr/bin", "/usr/sbin"];
/** No smaller executable has TLS built in. */
const BUILT_IN_BYTES = 1 << 20;
/** Of each look, this may pass with executables that nobody runs yet; a large one takes longer. */
const AHEAD_MS = 30;

/** The libraries of this host. */
export class HostLibraries {
  /** When the maps of processes were read, the longest ago first; milliseconds of `performance.now()`. */
  readonly #seen = new Map<number, number>();
  readonly #roots = new OtherRoots();
  /** Executables that nobody was seen to run, the smallest first; undefined before the first look. */
  #ahead: string[] | undefined;

  /** What was found since the last call, and some of what was found before. Each is to be dealt with before the next is asked for. */
  *find(): Generator<FoundLibraries> {
    if (this.#ahead === undefined) yield* installedLibraries();
    const ahead = this.#ahead ??= installedPrograms();
    yield* this.#mapped();
    const startMs = performance.now();
    while (ahead.length > 0 && performance.now() - startMs < AHEAD_MS) {
      const path = ahead.pop()!;
      yield builtInto(path, path);
    }
  }

  /** All processes were looked at since then; milliseconds of `performance.now()`. */
  get lookedMs(): number {
    const [oldestMs = performance.now()] = this.#seen.values();
    return oldestMs;
  }

  /** What may be built into the program that a process runs now, and what may be mapped by it and others in its root. */
  *begun(pid: number): Generator<FoundLibraries> {
    const path = `/proc/${pid}/exe`;
    yield builtInto(path, targetOf(path));
    for (const name of this.#roots.ahead(pid)) {
      const library = libraryOf(name.slice(name.lastIndexOf("/") + 1))!;
      yield { path: `/proc/${pid}/root${name}`, name, libraries: [library], isGuess: true };
    }
  }

  *#mapped(): Generator<FoundLibraries> {
    const present = new Set(processIds());
    present.delete(Deno.pid);
    const known = [...this.#seen.keys()];
    for (const pid of known) if (!present.has(pid)) this.#seen.delete(pid);
    this.#roots.forget(present);
    for (const pid of present) if (!this.#seen.has(pid)) yield* this.#look(pid);
    const startMs = performance.now();
    for (const pid of known) {
      if (performance.now() - startMs >= AGAIN_MS) break;
      if (present.has(pid)) yield* this.#look(pid);
    }
  }

  *#look(pid: number): Generator<FoundLibraries> {
    this.#seen.delete(pid);
    this.#seen.set(pid, performance.now());
    yield* librariesIn(readMaps(pid) ?? "", pid);
    yield* this.begun(pid);
  }
}

function builtInto(path: string, name: string): FoundLibraries {
  return { path, name, libraries: BUILT_IN, isGuess: true };
}

/** Where a link leads; itself where that cannot be read. */
function targetOf(path: string): string {
  try {
    return Deno.readLinkSync(path).replace(/ \(deleted\)$/, "");
  } catch {
    return path;
  }
}

/** Executables that a shell finds and that may have TLS built in, the smallest first. */
function installedPrograms(): string[] {
  const found: { readonly path: string; readonly size: number }[] = [];
  for (const folder of PROGRAM_FOLDERS) {
    for (const name of namesIn(folder)) {
      const path = `${folder}/${name}`;
      const size = sizeOf(path);
      if (size >= BUILT_IN_BYTES) found.push({ path, size });
    }
  }
  return found.sort((a, b) => a.size - b.size).map(({ path }) => path);
}

/** Of a file, behind links; 0: there is none. */
function sizeOf(path: string): number {
  try {
    const { isFile, size } = Deno.statSync(path);
    return isFile ? size : 0;
  } catch {
    return 0;
  }
}

/** Libraries where the loader looks for them: programs may come that map them. */
function installedLibraries(): FoundLibraries[] {
  const found: FoundLibraries[] = [];
  for (const folder of LIBRARY_FOLDERS) {
    for (const name of namesIn(folder)) {
      const library = libraryOf(name);
      const path = `${folder}/${name}`;
      if (library) found.push({ path, name: path, libraries: [library], isGuess: false });
    }
  }
  return found;
}

/** The libraries that a `/proc/PID/maps` names, each by a mapping of its code: also those that were replaced since. */
export function librariesIn(maps: string, pid: number): FoundLibraries[] {
  const found: FoundLibraries[] = [];
  for (
    const [, range, path] of maps.matchAll(
      /^([0-9a-f]+-[0-9a-f]+) r-x\S \S+ \S+ \d+ +(\/.*?)(?: \(deleted\))?$/gm,
    )
  ) {
    const library = libraryOf(path.slice(path.lastIndexOf("/") + 1));
    const [start, end] = range.split("-").map((word) => word.replace(/^0+(?=.)/, ""));
    if (library) {
      const reached = `/proc/${pid}/map_files/${start}-${end}`;
      found.push({ path: reached, name: path, libraries: [library], isGuess: false });
    }
  }
  return found;
}

/** Ids of all processes that this one sees. */
function processIds(): number[] {
  return namesIn("/proc").filter((name) => /^\d+$/.test(name)).map(Number);
}

function namesIn(folder: string): string[] {
  try {
    return [...Deno.readDirSync(folder)].map(({ name }) => name);
  } catch {
    return [];
  }
}
