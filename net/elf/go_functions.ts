// SPDX-License-Identifier: MIT
/**
 * Functions of a Go program by the table that its runtime unwinds stacks with (.gopclntab): it has all names and is there in stripped
 * programs too. Layouts: Go's src/debug/gosym/pclntab.go. Pure.
 *
 * @module
 */
import { type ElfFile, latin1, type Section, SectionType, word } from "./elf_file.ts";
import { type FunctionSymbol, TABLE_MAX } from "./symbols.ts";

/** The table's layouts by its magic number, which came with Go 1.16, 1.18 and 1.20. */
const LAYOUTS: Readonly<Record<number, { isRelative: boolean }>> = {
  0xfffffffa: { isRelative: false },
  0xfffffff0: { isRelative: true },
  0xfffffff1: { isRelative: true },
};
const HEADER_BYTES = 8 + 8 * 8;
const POINTER_BYTES = 8;
/** Where the table lies in programs that are linked for a fixed address, and in those that are not. */
const TABLE = /^(\.data\.rel\.ro)?\.gopclntab$/;

interface Table {
  /** Address that those in the table count from. */
  readonly base: number;
  readonly names: string;
  /** Rows of addresses and of places of functions, ordered by address, and the places themselves. */
  readonly functions: DataView;
  readonly count: number;
  /** Bytes of an address in a row. */
  readonly width: number;
}

/** Those of `names` that the program has; undefined: it is none of Go 1.16 or later. */
export function goFunctions(elf: ElfFile, names: Iterable<string>): Map<string, FunctionSymbol> | undefined {
  const section = elf.sections.find(({ name }) => TABLE.test(name));
  const table = section && readTable(elf, section);
  if (table === undefined) return undefined;
  const places = new Map<number, string>();
  for (const name of names) {
    const at = table.names.indexOf(`\0${name}\0`);
    if (at >= 0) places.set(at + 1, name);
  }
  return places.size === 0 ? new Map() : functionsAt(table, places);
}

function readTable(elf: ElfFile, section: Section): Table | undefined {
  const header = elf.read(section.offset, HEADER_BYTES);
  if (header.byteLength < HEADER_BYTES || header.getUint8(7) !== POINTER_BYTES) return undefined;
  const layout = LAYOUTS[header.getUint32(0, true)];
  if (layout === undefined) return undefined;
  const { isRelative } = layout;
  const at = (field: number) => word(header, 8 + 8 * field);
  const offsets = isRelative
    ? { names: at(3), cu: at(4), functions: at(7) }
    : { names: at(2), cu: at(3), functions: at(6) };
  const size = Math.min(section.size, TABLE_MAX);
  if (offsets.names > offsets.cu || offsets.cu > size || offsets.functions > size) return undefined;
  const base = isRelative ? textStart(elf, at(2), section.address + 8 + 8 * 2) : 0;
  return base === undefined ? undefined : {
    base,
    names: latin1(elf.read(section.offset + offsets.names, offsets.cu - offsets.names)),
    functions: elf.read(section.offset + offsets.functions, size - offsets.functions),
    count: at(0),
    width: isRelative ? 4 : POINTER_BYTES,
  };
}

/** R_X86_64_RELATIVE and R_AARCH64_RELATIVE: the base of the loaded file, and a number added to it. */
const RELATIVE = [8, 1027];
const RELOCATION_BYTES = 24;
const PIECE_BYTES = RELOCATION_BYTES << 16;

/**
 * The address that those in the table count from: as the table says; in a file that is relocated, as the relocation of that field says;
 * else the beginning of the code, as the Go linker has it.
 */
function textStart(elf: ElfFile, said: number, field: number): number | undefined {
  if (said !== 0) return said;
  return relocated(elf, field) ?? elf.sections.find(({ name }) => name === ".text")?.address;
}

function relocated(elf: ElfFile, field: number): number | undefined {
  for (const { type, offset, size } of elf.sections) {
    if (type !== SectionType.relocations) continue;
    for (let start = 0; start < Math.min(size, TABLE_MAX); start += PIECE_BYTES) {
      const piece = elf.read(offset + start, Math.min(PIECE_BYTES, size - start));
      for (let at = 0; at + RELOCATION_BYTES <= piece.byteLength; at += RELOCATION_BYTES) {
        const isField = word(piece, at) === field && RELATIVE.includes(piece.getUint32(at + 8, true));
        if (isField) return word(piece, at + 16);
      }
    }
  }
  return undefined;
}

function functionsAt(
  { base, functions, count, width }: Table,
  places: ReadonlyMap<number, string>,
): Map<string, FunctionSymbol> {
  const found = new Map<string, FunctionSymbol>();
  const number = (at: number) => width === 4 ? functions.getUint32(at, true) : word(functions, at);
  const rows = Math.min(count, Math.floor(functions.byteLength / (2 * width)) - 1);
  for (let row = 0; row < rows; row++) {
    const at = row * 2 * width;
    const place = number(at + width);
    if (place + width + 4 > functions.byteLength) continue;
    const name = places.get(functions.getUint32(place + width, true));
    if (name === undefined) continue;
    const address = number(at);
    found.set(name, { address: base + address, size: number(at + 2 * width) - address });
  }
  return found;
}
