// SPDX-License-Identifier: MIT
/** Functions that an ELF file defines, by their names in its symbol tables. Pure. @module */
import { type ElfFile, latin1, type Section, SectionType, word } from "./elf_file.ts";

export interface FunctionSymbol {
  /** As linked: where the file is loaded, its base is added. */
  readonly address: number;
  /** Bytes; 0: the file does not say. */
  readonly size: number;
}

const SYMBOL_BYTES = 24;
const PIECE_BYTES = SYMBOL_BYTES << 16;
const SHN_UNDEF = 0;
const STT_FUNC = 2;
/** Of a symbol table. */
export const TABLE_MAX = 64 << 20;
/** Of its names, which each function's is looked for in. */
const NAMES_MAX = 32 << 20;
/** No linker makes more symbol tables, nor does one write a name more often, also as the end of others. */
const TABLES_MAX = 4;
const PLACES_MAX = 256;

/** Those of `names` that the file defines and does not ask other files for. */
export function definedFunctions(elf: ElfFile, names: Iterable<string>): Map<string, FunctionSymbol> {
  const found = new Map<string, FunctionSymbol>();
  const wanted = [...names];
  const isTable = ({ type }: Section) => type === SectionType.symbols || type === SectionType.dynamicSymbols;
  for (const table of elf.sections.filter(isTable).slice(0, TABLES_MAX)) {
    const texts = elf.sections[table.link];
    if (texts === undefined) continue;
    const places = placesOf(elf, texts, wanted);
    if (places.size > 0) addFunctions(found, elf, table, places);
  }
  return found;
}

/** The names by where they stand; one may be the end of another's. */
function placesOf(elf: ElfFile, { offset, size }: Section, names: readonly string[]): Map<number, string> {
  const text = latin1(elf.read(offset, Math.min(size, NAMES_MAX)));
  const places = new Map<number, string>();
  for (const name of names) {
    const ended = `${name}\0`;
    let at = text.indexOf(ended);
    for (let place = 0; at >= 0 && place < PLACES_MAX; place++) {
      places.set(at, name);
      at = text.indexOf(ended, at + 1);
    }
  }
  return places;
}

function addFunctions(
  found: Map<string, FunctionSymbol>,
  elf: ElfFile,
  { offset, size }: Section,
  places: ReadonlyMap<number, string>,
): void {
  const end = Math.min(size, TABLE_MAX);
  for (let start = 0; start < end; start += PIECE_BYTES) {
    const piece = elf.read(offset + start, Math.min(PIECE_BYTES, end - start));
    for (let at = 0; at + SYMBOL_BYTES <= piece.byteLength; at += SYMBOL_BYTES) {
      const name = places.get(piece.getUint32(at, true));
      const isDefined = (piece.getUint8(at + 4) & 0xf) === STT_FUNC &&
        piece.getUint16(at + 6, true) !== SHN_UNDEF;
      if (name === undefined || !isDefined || found.has(name)) continue;
      found.set(name, { address: word(piece, at + 8), size: word(piece, at + 16) });
    }
  }
}
