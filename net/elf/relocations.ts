// SPDX-License-Identifier: MIT
/** Pointers that the loader puts into a file's data when it maps it (System V ABI, chapter 4, and its supplement for x86-64). Pure. @module */
import { type ElfFile, SectionType, word } from "./elf_file.ts";

const ENTRY_BYTES = 24;
/** R_X86_64_RELATIVE */
const RELATIVE = 8;
/** Of a table: no library of interest has more. */
const TABLE_MAX = 16 << 20;

/** Where the pointer at `place` points to, as linked, if it points into the file itself. */
export function pointerAt(elf: ElfFile, place: number): number | undefined {
  for (const { type, offset, size } of elf.sections) {
    if (type !== SectionType.relocations) continue;
    const table = elf.read(offset, Math.min(size, TABLE_MAX));
    for (let at = 0; at + ENTRY_BYTES <= table.byteLength; at += ENTRY_BYTES) {
      const isIt = table.getUint32(at, true) === place >>> 0 && word(table, at) === place;
      if (isIt && table.getUint32(at + 8, true) === RELATIVE) return word(table, at + 16);
    }
  }
  return undefined;
}
