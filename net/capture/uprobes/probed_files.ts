// SPDX-License-Identifier: MIT
/**
 * The libraries and executables that are probed, each once whatever names it has: a probe is at a place of a file, in all processes that
 * map it and those that will.
 *
 * @module
 */
import { Code } from "../../elf/code.ts";
import { type ElfFile, openElf, SectionType, X86_64 } from "../../elf/elf_file.ts";
import { goFunctions } from "../../elf/go_functions.ts";
import { readerOf } from "../../elf/reader.ts";
import { definedFunctions, type FunctionSymbol } from "../../elf/symbols.ts";
import { BpfError } from "../../ffi/bpf.ts";
import { type CodeOf, isForwarded, type SessionFacts } from "./accessors.ts";
import { LIBRARY } from "./layout.ts";
import type { TlsLibrary } from "./libraries.ts";
import type { AttachedProbes, LoadedProbes } from "./loader.ts";
import { placesIn } from "./places.ts";

/** Of the map `libraries`. */
const FILES_MAX = 1024;
/** What is looked at of an accessor. */
const CODE_BYTES = 96;

/** What became of a file. */
export type ProbedState = "probed" | "known" | "gone" | {
  readonly refused: string;
  readonly isOther: boolean;
};

/** A file that has no such library in it. */
class OtherFile extends Error {}

/** A symbol table of an executable may have tens of megabytes, and the agent does nothing else while it is read: that of what it exports does. */
const TABLE_BYTES_MAX = 4 << 20;

export class ProbedFiles {
  readonly #probes: LoadedProbes;
  /** Probes by device, inode and library; none where the file is not one of a library that can be probed. */
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
    let key: string | undefined;
    try {
      file = Deno.openSync(path);
      const { dev, ino } = file.statSync();
      key = `${dev}:${ino}:${library.name}`;
      if (this.#files.has(key)) return "known";
      this.#files.set(key, undefined);
      this.#files.set(key, this.#attach(path, file, library));
      return "probed";
    } catch (error) {
      if (isGone(error)) {
        // It may be reached by another process.
        if (key !== undefined) this.#files.delete(key);
        return "gone";
      }
      return { refused: (error as Error).message, isOther: isOther(error) };
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
    const elf = withoutLargeTables(openElf(readerOf(file)));
    // An emulator maps programs of other machines too: a probe would change their code.
    if (elf?.machine !== X86_64) throw new OtherFile("it is no ELF file of this machine's kind");
    const names = [...Object.keys(library.functions), ...library.accessors];
    const symbols = library.isGo
      ? goFunctions(elf, names) ?? new Map<string, FunctionSymbol>()
      : definedFunctions(elf, names);
    if (!Object.keys(library.functions).some((name) => symbols.has(name))) {
      throw new OtherFile("it has none of the library's functions");
    }
    const code = new Code(elf);
    const codeOf: CodeOf = (name) => {
      const symbol = symbols.get(name);
      return symbol && code.at(symbol.address).subarray(0, Math.min(symbol.size, CODE_BYTES));
    };
    const facts = library.facts(codeOf);
    if (facts.role === undefined && !facts.roleByHello) {
      throw new Error("it is not known how its sessions tell servers from clients");
    }
    if (this.#numbered === FILES_MAX) throw new Error(`${FILES_MAX} files are probed already`);
    leaveForwarded(symbols, codeOf, library);
    const places = placesIn(code, symbols, library, this.#numbered);
    if (places.ends.length + places.returns.length === 0) {
      throw new Error("it has none of the functions that pass bytes");
    }
    this.#describe(this.#numbered++, facts);
    return this.#probes.attach(path, places);
  }

  #describe(number: number, { role, clientRandom, shutdown, version, type }: SessionFacts): void {
    const value = new DataView(new ArrayBuffer(LIBRARY.size));
    const offset = (at: number, known: number | undefined) => value.setInt32(at, known ?? -1, true);
    offset(LIBRARY.role, role?.offset);
    value.setUint32(LIBRARY.serverMask, role?.serverMask ?? 0, true);
    value.setUint32(LIBRARY.clientMask, role?.clientMask ?? 0, true);
    offset(LIBRARY.clientRandom, clientRandom);
    offset(LIBRARY.shutdown, shutdown);
    offset(LIBRARY.version, version);
    offset(LIBRARY.type, type);
    this.#probes.map("libraries").set(
      new Uint8Array(Uint32Array.of(number).buffer),
      new Uint8Array(value.buffer),
    );
  }
}

function withoutLargeTables(elf: ElfFile | undefined): ElfFile | undefined {
  const sections = elf?.sections.map((section) =>
    section.type === SectionType.symbols && section.size > TABLE_BYTES_MAX
      ? { ...section, type: SectionType.absent }
      : section
  );
  return elf && { ...elf, sections: sections! };
}

/** The process by which the file was reached has ended. */
function isGone(error: unknown): boolean {
  if (error instanceof BpfError) return error.code === "ENOENT";
  // The runtime has no name for ESRCH.
  return error instanceof Deno.errors.NotFound || /\(os error 3\)/.test((error as Error).message);
}

/** The file is another than it was taken for, or hidden. */
function isOther(error: unknown): boolean {
  return error instanceof OtherFile || error instanceof Deno.errors.PermissionDenied;
}

/** Of functions that may lead to each other, leaves the one that all calls pass once. */
function leaveForwarded(
  symbols: Map<string, FunctionSymbol>,
  codeOf: CodeOf,
  { forwarded = {} }: TlsLibrary,
): void {
  for (const [from, to] of Object.entries(forwarded)) {
    if (symbols.has(from) && symbols.has(to)) symbols.delete(isForwarded(codeOf(from)) ? from : to);
  }
}
