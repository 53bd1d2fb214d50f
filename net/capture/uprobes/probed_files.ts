// SPDX-License-Identifier: MIT
/**
 * The libraries and executables that are probed, each once whatever names it has: a probe is at a place of a file, in all processes that
 * map it and those that will.
 *
 * @module
 */
import { descriptorLimit } from "../../ffi/descriptor_limit.ts";
import type { SessionFacts } from "./accessors.ts";
import { LIBRARY } from "./layout.ts";
import type { TlsLibrary } from "./libraries.ts";
import type { FoundLibraries } from "./libraries_found.ts";
import { hasPlace, LookBudget } from "./look_budget.ts";
import type { AttachedProbes, LoadedProbes } from "./loader.ts";
import { lookThrough, OtherFile } from "./look.ts";
import { GoneFile, PinnedFile } from "./pinned_file.ts";

/** Of the map `libraries`. */
const FILES_MAX = 1024;

/** What became of a file. */
export type ProbedState = "probed" | "known" | "gone" | "postponed" | {
  readonly refused: string;
  readonly isOther: boolean;
};

/** A file that has probes, which is kept open as long. */
interface Probed {
  readonly file: PinnedFile;
  readonly probes: AttachedProbes;
  /** Of the map `libraries`. */
  readonly number: number;
  /** Paths by which it was met last. */
  paths: readonly string[];
  /** When one of these was seen to lead to it, in milliseconds of `performance.now()`. */
  metMs: number;
}

/** So many files are remembered that are not probed. */
const REFUSED_MAX = 16_384;
/** Descriptors that probes leave to the rest of this process, which does not survive without; at most half of what it may have. */
const LEFT_DESCRIPTORS = 256;

/** There is no room for more probes now. */
class NoRoom extends Error {}

export class ProbedFiles {
  readonly #probes: LoadedProbes;
  /** By the file's identity and the library. */
  readonly #files = new Map<string, Probed>();
  /** The same of files that are not of a library, or cannot be probed. */
  readonly #refused = new Set<string>();
  /** The same of files for which there was no room, until there is some. */
  readonly #crowded = new Set<string>();
  readonly #descriptorsMax: number;
  readonly #budget = new LookBudget();
  /** Files whose probes are being taken away. */
  readonly #leaving = new Set<Promise<void>>();
  readonly #freeNumbers = Array.from({ length: FILES_MAX }, (_, index) => FILES_MAX - 1 - index);

  constructor(probes: LoadedProbes) {
    this.#probes = probes;
    const limit = descriptorLimit();
    this.#descriptorsMax = limit - Math.min(LEFT_DESCRIPTORS, limit / 2);
  }

  /** Files that have probes. */
  get size(): number {
    return this.#files.size;
  }

  /** Probes a file for each of the libraries, unless it is probed or was refused before. */
  add({ path, name, libraries }: Pick<FoundLibraries, "path" | "name" | "libraries">): ProbedState[] {
    let file: PinnedFile;
    try {
      file = PinnedFile.open(path);
    } catch (error) {
      // It may be reached by another process.
      return [error instanceof GoneFile ? "gone" : refusedBy(error)];
    }
    try {
      return libraries.map((library) => this.#addOne(file, library, [path, name]));
    } finally {
      file.close();
    }
  }

  #addOne(file: PinnedFile, library: TlsLibrary, paths: readonly string[]): ProbedState {
    const key = `${file.identity}:${library.name}`;
    const known = this.#files.get(key);
    if (known !== undefined) {
      known.paths = paths;
      known.metMs = performance.now();
    }
    if (known !== undefined || this.#refused.has(key) || this.#crowded.has(key)) return "known";
    if (!this.#budget.hasRoom(file.owner, performance.now())) return "postponed";
    const before = file.readBytes;
    try {
      this.#files.set(key, this.#attach(file, library, paths));
      return "probed";
    } catch (error) {
      const left = error instanceof NoRoom ? this.#crowded : this.#refused;
      if (left.size >= REFUSED_MAX) left.clear();
      left.add(key);
      return refusedBy(error);
    } finally {
      this.#budget.spend(file.owner, file.readBytes - before);
    }
  }

  /**
   * Takes the probes of files away that were written to: their code is another now, and a probe would be in the middle of it. Answers how many they
   * were.
   */
  detachChanged(): number {
    const changed = [...this.#files].filter(([, { file }]) => file.hasChanged);
    for (const [key, probed] of changed) {
      this.#leave(key, probed);
    }
    return changed.length;
  }

  /**
   * Takes the probes of files away that no path leads to any more, and no process has: those of containers that have ended, and those that an upgrade
   * has replaced. All processes were looked at since `lookedMs`.
   */
  detachForgotten(lookedMs: number): void {
    for (const [key, probed] of this.#files) {
      const { file: { identity }, paths, metMs } = probed;
      if (paths.some((path) => PinnedFile.leadsTo(path, identity))) probed.metMs = performance.now();
      else if (metMs < lookedMs) this.#leave(key, probed);
    }
  }

  /** Takes all probes away; resolves when that is done. */
  async close(): Promise<void> {
    for (const [key, probed] of this.#files) this.#leave(key, probed);
    await this.settled();
  }

  /** Resolves when the probes are gone that are being taken away. */
  async settled(): Promise<void> {
    await Promise.all(this.#leaving);
  }

  #leave(key: string, { file, probes, number }: Probed): void {
    this.#files.delete(key);
    file.close();
    const leaving = this.#probes.detach(probes).then(() => {
      this.#freeNumbers.push(number);
      this.#crowded.clear();
      this.#leaving.delete(leaving);
    });
    this.#leaving.add(leaving);
  }

  #attach(found: PinnedFile, library: TlsLibrary, paths: readonly string[]): Probed {
    const number = this.#freeNumbers.at(-1);
    if (number === undefined) throw new NoRoom(`${FILES_MAX} files are probed already`);
    const owners = [...this.#files.values()].map(({ file }) => file.owner);
    if (!hasPlace(found.owner, owners)) throw new NoRoom("its user has enough files that are probed");
    const { places, facts } = found.withReader((read) => lookThrough(read, library, number));
    this.#describe(number, facts);
    const file = PinnedFile.open(found.path);
    try {
      if (file.fd + this.#probes.descriptorsFor(places) >= this.#descriptorsMax) {
        throw new NoRoom("no more files can be open (RLIMIT_NOFILE)");
      }
      const probes = this.#probes.attach(file.path, places);
      this.#freeNumbers.pop();
      return { file, probes, number, paths, metMs: performance.now() };
    } catch (error) {
      file.close();
      throw error;
    }
  }

  #describe(number: number, { role, clientRandom, shutdown, version, type, alpn }: SessionFacts): void {
    const value = new DataView(new ArrayBuffer(LIBRARY.size));
    const offset = (at: number, known: number | undefined) => value.setInt32(at, known ?? -1, true);
    offset(LIBRARY.role, role?.offset);
    value.setUint32(LIBRARY.serverMask, role?.serverMask ?? 0, true);
    value.setUint32(LIBRARY.clientMask, role?.clientMask ?? 0, true);
    offset(LIBRARY.clientRandom, clientRandom);
    offset(LIBRARY.shutdown, shutdown);
    offset(LIBRARY.version, version);
    offset(LIBRARY.type, type);
    offset(LIBRARY.alpn, alpn?.name);
    offset(LIBRARY.alpnLength, alpn?.length);
    offset(LIBRARY.alpnHolder, alpn?.holder);
    this.#probes.map("libraries").set(
      new Uint8Array(Uint32Array.of(number).buffer),
      new Uint8Array(value.buffer),
    );
  }
}

function refusedBy(error: unknown): ProbedState {
  return { refused: (error as Error).message, isOther: isOther(error) };
}

/** The file is another than it was taken for, or hidden. */
function isOther(error: unknown): boolean {
  return error instanceof OtherFile || error instanceof Deno.errors.PermissionDenied;
}
