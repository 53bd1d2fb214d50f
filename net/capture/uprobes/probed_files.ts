// SPDX-License-Identifier: MIT
/**
 * The libraries and executables that are probed, each once whatever names it has: a probe is at a place of a file, in all processes that
 * map it and those that will.
 *
 * @module
 */
import { openElf } from "../../elf/elf_file.ts";
import { readerOf } from "../../elf/reader.ts";
import { definedFunctions, type FunctionSymbol } from "../../elf/symbols.ts";
import { type ElfFile, SegmentType } from "../../elf/elf_file.ts";
import type { AttachedUprobe } from "../../ffi/bpf.ts";
import { opensslFacts, type SessionFacts } from "./accessors.ts";
import { cookieOf, LIBRARY } from "./layout.ts";
import type { ProbeName, TlsLibrary } from "./libraries.ts";
import type { LoadedProbes } from "./loader.ts";

/** Of the map `libraries`. */
const FILES_MAX = 1024;
/** What is looked at of an accessor. */
const CODE_BYTES = 96;

const SESSION_PROBES = ["made", "shared", "closing", "freed", "cleared"] as const satisfies ProbeName[];

/** What became of a file. */
export type ProbedState = "probed" | "known" | { readonly refused: string };

interface Place {
  readonly probe: ProbeName;
  readonly offset: number;
  readonly what: number;
}

export class ProbedFiles {
  readonly #probes: LoadedProbes;
  /** Probes by device and inode; none where the file is not one of a library that can be probed. */
  readonly #files = new Map<string, readonly AttachedUprobe[]>();
  #numbered = 0;

  constructor(probes: LoadedProbes) {
    this.#probes = probes;
  }

  /** Files that have probes. */
  get size(): number {
    return [...this.#files.values()].filter(({ length }) => length > 0).length;
  }

  /** Probes a file, unless it is probed or was refused before. */
  add(path: string, library: TlsLibrary): ProbedState {
    let file: Deno.FsFile | undefined;
    try {
      file = Deno.openSync(path);
      const { dev, ino } = file.statSync();
      const key = `${dev}:${ino}`;
      if (this.#files.has(key)) return "known";
      this.#files.set(key, []);
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
    for (const probes of this.#files.values()) for (const probe of probes) this.#probes.detach(probe);
    this.#files.clear();
  }

  #attach(path: string, file: Deno.FsFile, library: TlsLibrary): AttachedUprobe[] {
    const elf = openElf(readerOf(file));
    if (elf === undefined) throw new Error("it is no ELF file of this machine's kind");
    const functions = definedFunctions(elf, namesIn(library));
    const facts = opensslFacts((name) => codeOf(elf, functions.get(name)));
    if (facts.role === undefined) {
      throw new Error("it is not known how its sessions tell servers from clients");
    }
    const places = placesIn(elf, functions, library);
    if (!places.some(({ probe }) => probe === "enter")) {
      throw new Error("it has none of the functions that pass bytes");
    }
    if (this.#numbered === FILES_MAX) throw new Error(`${FILES_MAX} files are probed already`);
    const number = this.#numbered++;
    this.#describe(number, facts);
    const attached: AttachedUprobe[] = [];
    try {
      for (const { probe, offset, what } of places) {
        const atReturn = probe === "leave" || probe === "made";
        attached.push(this.#probes.attach(probe, { path, offset, atReturn, cookie: cookieOf(number, what) }));
      }
    } catch (error) {
      for (const probe of attached) this.#probes.detach(probe);
      throw error;
    }
    return attached;
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

function namesIn({ calls, accessors, ...rest }: TlsLibrary): string[] {
  return [...Object.keys(calls), ...accessors, ...SESSION_PROBES.flatMap((probe) => rest[probe])];
}

/** Where the probes of a library go: those at returns first, since a call has to be met at both ends or not at all. */
function placesIn(
  elf: ElfFile,
  functions: ReadonlyMap<string, FunctionSymbol>,
  { calls, ...rest }: TlsLibrary,
): Place[] {
  const places: Place[] = [];
  const add = (probe: ProbeName, name: string, what = 0) => {
    const symbol = functions.get(name);
    const offset = symbol && offsetOf(elf, symbol.address);
    if (offset !== undefined) places.push({ probe, offset, what });
  };
  for (const probe of SESSION_PROBES) for (const name of rest[probe]) add(probe, name);
  for (const probe of ["leave", "enter"] as const) {
    for (const [name, what] of Object.entries(calls)) add(probe, name, what);
  }
  return places;
}

/** Where in the file the code at an address lies. */
function offsetOf(elf: ElfFile, address: number): number | undefined {
  const segment = elf.segments.find((segment) =>
    segment.type === SegmentType.load && segment.isExecutable && address >= segment.address &&
    address < segment.address + segment.size
  );
  return segment && address - segment.address + segment.offset;
}

function codeOf(elf: ElfFile, symbol: FunctionSymbol | undefined): Uint8Array | undefined {
  const offset = symbol && offsetOf(elf, symbol.address);
  if (offset === undefined) return undefined;
  const { buffer, byteOffset, byteLength } = elf.read(offset, Math.min(symbol!.size, CODE_BYTES));
  return new Uint8Array(buffer, byteOffset, byteLength);
}
