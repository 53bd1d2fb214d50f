// SPDX-License-Identifier: MIT
/** What an executable on disk tells of its TLS: how it is linked, and what is built in (System V ABI, chapters 4 and 5). @module */
import { type ElfFile, latin1, openElf, type Section, SectionType, SegmentType } from "../../elf/elf_file.ts";
import { readerOf } from "../../elf/reader.ts";
import { definedFunctions, TABLE_MAX } from "../../elf/symbols.ts";
import { type TlsLibrary, tlsLibraryOf } from "./mapped.ts";

/** TLS that came with a program's own code. */
export type BuiltIn = "go" | "wolfssl" | "mbedtls" | "rustls" | "built-in-openssl";

export interface Executable {
  /** Without a dynamic loader: nothing can be preloaded. */
  readonly isStatic: boolean;
  /** Of the libraries that it is linked with itself, not of theirs. */
  readonly libraries: ReadonlySet<TlsLibrary>;
  readonly builtIn: BuiltIn | undefined;
}

const PIECE_BYTES = 4 << 20;
/** A text may lie across two pieces. */
const OVERLAP_BYTES = 32;
/** Of the sections that are searched for names; the largest browsers have some 60 MiB of texts. */
const SEARCHED_MAX = 256 << 20;

/** Reads the file at `path`; undefined when it is no 64-bit ELF file, or cannot be read. */
export function readExecutable(path: string): Executable | undefined {
  try {
    using file = Deno.openSync(path);
    const elf = openElf(readerOf(file));
    return elf && {
      isStatic: !elf.segments.some(({ type }) => type === SegmentType.loader),
      libraries: linkedWith(elf),
      builtIn: builtInOf(elf),
    };
  } catch {
    return undefined;
  }
}

function linkedWith(elf: ElfFile): Set<TlsLibrary> {
  const found = new Set<TlsLibrary>();
  const names = elf.sections.find(({ name, type }) => name === ".dynstr" && type === SectionType.strings);
  if (names === undefined) return found;
  // Names of libraries stand among those of symbols; none of those has ".so" in it.
  const text = latin1(elf.read(names.offset, Math.min(names.size, TABLE_MAX)));
  for (const name of text.split("\0")) {
    const library = name.includes(".so") ? tlsLibraryOf(name) : undefined;
    if (library) found.add(library);
  }
  return found;
}

/** Functions by which a library is known. */
const FUNCTIONS: readonly (readonly [string, BuiltIn])[] = [
  ["SSL_read", "built-in-openssl"],
  ["wolfSSL_read", "wolfssl"],
  ["mbedtls_ssl_read", "mbedtls"],
];

/** Texts that a library leaves where its symbols were stripped: names of its source files, and of its parts. */
const TEXTS: readonly (readonly [readonly string[], BuiltIn])[] = [
  [["rustls-", "rustls::"], "rustls"],
  [["ssl/ssl_lib.c", "ssl/record/rec_layer_s3.c"], "built-in-openssl"],
];

function builtInOf(elf: ElfFile): BuiltIn | undefined {
  if (elf.sections.some(({ name }) => name === ".gopclntab" || name === ".go.buildinfo")) return "go";
  const defined = definedFunctions(elf, FUNCTIONS.map(([name]) => name));
  const found = FUNCTIONS.find(([name]) => defined.has(name));
  if (found) return found[1];
  const texts = elf.sections.find(({ name, type }) => name === ".rodata" && type !== SectionType.absent);
  return texts && TEXTS.find(([marks]) => holds(elf, texts, marks))?.[1];
}

/** Whether a section has one of these texts. */
function holds(elf: ElfFile, { offset, size }: Section, marks: readonly string[]): boolean {
  const end = Math.min(size, SEARCHED_MAX);
  for (let at = 0; at < end; at += PIECE_BYTES - OVERLAP_BYTES) {
    // As a text it is searched four times as fast as in bytes.
    const piece = latin1(elf.read(offset + at, Math.min(PIECE_BYTES, end - at)));
    if (marks.some((mark) => piece.includes(mark))) return true;
  }
  return false;
}
