// SPDX-License-Identifier: MIT
/** What an executable on disk tells of its TLS: how it is linked, and what is built in (System V ABI, chapters 4 and 5). @module */
import { Buffer } from "node:buffer";
import { type TlsLibrary, tlsLibraryOf } from "./mapped.ts";

/** TLS that came with a program's own code. */
export type BuiltIn = "go" | "wolfssl" | "rustls" | "built-in-openssl";

export interface Executable {
  /** Without a dynamic loader: nothing can be preloaded. */
  readonly isStatic: boolean;
  /** Of the libraries that it is linked with itself, not of theirs. */
  readonly libraries: ReadonlySet<TlsLibrary>;
  readonly builtIn: BuiltIn | undefined;
}

const HEADER_BYTES = 64;
const SECTION_BYTES = 64;
const ELF_MAGIC = 0x7f454c46;
const SYMBOL_BYTES = 24;
const SHT_SYMTAB = 2;
const SHT_STRTAB = 3;
const SHT_NOBITS = 8;
const SHT_DYNSYM = 11;
const SHN_UNDEF = 0;
/** More sections than any linker makes without being asked to. */
const SECTIONS_MAX = 1024;
const PIECE_BYTES = 4 << 20;
/** A text may lie across two pieces. */
const OVERLAP_BYTES = 32;
/** Of a symbol table, and of its names. */
const TABLE_MAX = 64 << 20;
/** Of the sections that are searched for names; the largest browsers have some 60 MiB of texts. */
const SEARCHED_MAX = 256 << 20;

interface Section {
  readonly name: string;
  readonly type: number;
  readonly offset: number;
  readonly size: number;
  /** Number of the section with a symbol table's names. */
  readonly link: number;
}

/** Reads the file at `path`; undefined when it is no 64-bit ELF file, or cannot be read. */
export function readExecutable(path: string): Executable | undefined {
  try {
    using file = Deno.openSync(path);
    const header = read(file, 0, HEADER_BYTES);
    const isElf64 = header.byteLength === HEADER_BYTES && header.getUint32(0) === ELF_MAGIC &&
      header.getUint8(4) === 2;
    if (!isElf64) return undefined;
    const sections = sectionsOf(file, header);
    return {
      isStatic: !hasLoader(file, header),
      libraries: linkedWith(file, sections),
      builtIn: builtInOf(file, sections),
    };
  } catch {
    return undefined;
  }
}

function read(file: Deno.FsFile, offset: number, length: number): DataView<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  file.seekSync(offset, Deno.SeekMode.Start);
  let have = 0;
  while (have < length) {
    const more = file.readSync(bytes.subarray(have));
    if (more === null) break;
    have += more;
  }
  return new DataView(bytes.buffer, 0, have);
}

const PT_INTERP = 3;

function hasLoader(file: Deno.FsFile, header: DataView): boolean {
  const size = header.getUint16(54, true);
  const count = header.getUint16(56, true);
  const table = read(file, Number(header.getBigUint64(32, true)), size * count);
  for (let entry = 0; (entry + 1) * size <= table.byteLength; entry++) {
    if (table.getUint32(entry * size, true) === PT_INTERP) return true;
  }
  return false;
}

function sectionsOf(file: Deno.FsFile, header: DataView): Section[] {
  const count = Math.min(header.getUint16(60, true), SECTIONS_MAX);
  const table = read(file, Number(header.getBigUint64(40, true)), count * SECTION_BYTES);
  const sections = Array.from({ length: Math.floor(table.byteLength / SECTION_BYTES) }, (_, number) => {
    const at = number * SECTION_BYTES;
    return {
      nameAt: table.getUint32(at, true),
      type: table.getUint32(at + 4, true),
      offset: Number(table.getBigUint64(at + 24, true)),
      size: Number(table.getBigUint64(at + 32, true)),
      link: table.getUint32(at + 40, true),
    };
  });
  const names = sections[header.getUint16(62, true)];
  if (names === undefined) return [];
  const text = latin1(read(file, names.offset, Math.min(names.size, 1 << 20)));
  return sections.map(({ nameAt, ...rest }) => ({
    ...rest,
    name: text.slice(nameAt, text.indexOf("\0", nameAt)),
  }));
}

function linkedWith(file: Deno.FsFile, sections: readonly Section[]): Set<TlsLibrary> {
  const found = new Set<TlsLibrary>();
  const names = sections.find(({ name, type }) => name === ".dynstr" && type === SHT_STRTAB);
  if (names === undefined) return found;
  // Names of libraries stand among those of symbols; none of those has ".so" in it.
  const text = latin1(read(file, names.offset, Math.min(names.size, TABLE_MAX)));
  for (const name of text.split("\0")) {
    const library = name.includes(".so") ? tlsLibraryOf(name) : undefined;
    if (library) found.add(library);
  }
  return found;
}

function latin1({ buffer, byteOffset, byteLength }: DataView<ArrayBuffer>): string {
  return Buffer.from(buffer, byteOffset, byteLength).toString("latin1");
}

/** Functions by which a library is known. */
const FUNCTIONS: readonly (readonly [string, BuiltIn])[] = [
  ["SSL_read", "built-in-openssl"],
  ["wolfSSL_read", "wolfssl"],
];

/** Texts that a library leaves where its symbols were stripped: names of its source files, and of its parts. */
const TEXTS: readonly (readonly [readonly string[], BuiltIn])[] = [
  [["rustls-", "rustls::"], "rustls"],
  [["ssl/ssl_lib.c", "ssl/record/rec_layer_s3.c"], "built-in-openssl"],
];

function builtInOf(file: Deno.FsFile, sections: readonly Section[]): BuiltIn | undefined {
  if (sections.some(({ name }) => name === ".gopclntab" || name === ".go.buildinfo")) return "go";
  for (const table of sections.filter(({ type }) => type === SHT_SYMTAB || type === SHT_DYNSYM)) {
    const found = FUNCTIONS.find(([name]) => defines(file, table, sections[table.link], name));
    if (found) return found[1];
  }
  const texts = sections.find(({ name, type }) => name === ".rodata" && type !== SHT_NOBITS);
  return texts && TEXTS.find(([marks]) => holds(file, texts, marks))?.[1];
}

/** Whether a symbol table has `name` with a place of its own, and not as what a library is asked for. */
function defines(file: Deno.FsFile, table: Section, names: Section | undefined, name: string): boolean {
  if (names === undefined) return false;
  const text = latin1(read(file, names.offset, Math.min(names.size, TABLE_MAX)));
  const places = new Set<number>();
  for (let at = text.indexOf(`${name}\0`); at >= 0; at = text.indexOf(`${name}\0`, at + 1)) places.add(at);
  if (places.size === 0) return false;
  const symbols = read(file, table.offset, Math.min(table.size, TABLE_MAX));
  for (let at = 0; at + SYMBOL_BYTES <= symbols.byteLength; at += SYMBOL_BYTES) {
    const isDefined = symbols.getUint16(at + 6, true) !== SHN_UNDEF;
    if (isDefined && places.has(symbols.getUint32(at, true))) return true;
  }
  return false;
}

/** Whether a section has one of these texts. */
function holds(file: Deno.FsFile, { offset, size }: Section, marks: readonly string[]): boolean {
  const end = Math.min(size, SEARCHED_MAX);
  for (let at = 0; at < end; at += PIECE_BYTES - OVERLAP_BYTES) {
    // As a text it is searched four times as fast as in bytes.
    const piece = latin1(read(file, offset + at, Math.min(PIECE_BYTES, end - at)));
    if (marks.some((mark) => piece.includes(mark))) return true;
  }
  return false;
}
