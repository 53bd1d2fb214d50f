// SPDX-License-Identifier: MIT
/**
 * The libraries and executables that are probed, each once whatever names it has: a probe is at a place of a file, in all processes that
 * map it and those that will.
 *
 * @module
 */
import { Code } from "../../elf/code.ts";
import { openElf } from "../../elf/elf_file.ts";
import { readerOf } from "../../elf/reader.ts";
import { definedFunctions } from "../../elf/symbols.ts";
import { opensslFacts, type SessionFacts } from "./accessors.ts";
import { LIBRARY } from "./layout.ts";
import type { TlsLibrary } from "./libraries.ts";
import type { AttachedProbes, LoadedProbes } from "./loader.ts";
import { placesIn } from "./places.ts";

/** Of the map `libraries`. */
const FILES_MAX = 1024;
/** What is looked at of an accessor. */
const CODE_BYTES = 96;

/** What became of a file. */
export type ProbedState = "probed" | "known" | { readonly refused: string };

export class ProbedFiles {
  readonly #probes: LoadedProbes;
  /** Probes by device and inode; none where the file is not one of a library that can be probed. */
  readonly #files = new Map<string, AttachedProbes | undefined>();
  #numbered = 0;

  constructor(probes: LoadedProbes) {
    this.#probes = probes;
  }

  /** Files that have probes. */
  get size(): number {
    return [...this.#files.values()].filter((probes) => probes !== undefined).length;
  }

  /** Probes a file, unless it is probed or was refused before. */
  add(path: string, library: TlsLibrary): ProbedState {
    let file: Deno.FsFile | undefined;
    try {
      file = Deno.openSync(path);
      const { dev, ino } = file.statSync();
      const key = `${dev}:${ino}`;
      if (this.#files.has(key)) return "known";
      this.#files.set(key, undefined);
      this.#files.set(key, this.#attach(path, file, library));
      return "probed";
    } catch (error) {
      return { refused: error instanceof Error ? error.message : String(error) };
    } finally {
      file?.close();
    }
  }

  /** Takes all probes away. */
  close(): void {
    for (const probes of this.#files.values()) if (probes) this.#probes.detach(probes);
    this.#files.clear();
  }

  #attach(path: string, file: Deno.FsFile, library: TlsLibrary): AttachedProbes {
    const elf = openElf(readerOf(file));
    if (elf === undefined) throw new Error("it is no ELF file of this machine's kind");
    const symbols = definedFunctions(elf, [...Object.keys(library.functions), ...library.accessors]);
    const code = new Code(elf);
    const facts = opensslFacts((name) => {
      const symbol = symbols.get(name);
      return symbol && code.at(symbol.address).subarray(0, Math.min(symbol.size, CODE_BYTES));
    });
    if (facts.role === undefined) {
      throw new Error("it is not known how its sessions tell servers from clients");
    }
    if (this.#numbered === FILES_MAX) throw new Error(`${FILES_MAX} files are probed already`);
    const places = placesIn(code, symbols, library, this.#numbered);
    if (places.ends.length + places.returns.length === 0) {
      throw new Error("it has none of the functions that pass bytes");
    }
    this.#describe(this.#numbered++, facts);
    return this.#probes.attach(path, places);
  }

  #describe(number: number, { role, clientRandom, shutdown, version }: SessionFacts): void {
    const value = new DataView(new ArrayBuffer(LIBRARY.size));
    const offset = (at: number, known: number | undefined) => value.setInt32(at, known ?? -1, true);
    offset(LIBRARY.role, role);
    value.setUint32(LIBRARY.serverMask, 0xffff_ffff, true);
    offset(LIBRARY.clientRandom, clientRandom);
    offset(LIBRARY.shutdown, shutdown);
    offset(LIBRARY.version, version);
    this.#probes.map("libraries").set(
      new Uint8Array(Uint32Array.of(number).buffer),
      new Uint8Array(value.buffer),
    );
  }
}
