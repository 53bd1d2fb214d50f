// SPDX-License-Identifier: MIT
/** The dynamic symbols of a 64-bit little-endian ELF file, as far as checking a shared library needs them. @module */

const SECTION_DYNSYM = 11;
const SECTION_VERNEED = 0x6ffffffe;
const SECTION_DYNAMIC = 6;
const DT_NEEDED = 1;

export interface DynamicSymbols {
  /** Names that the file defines for others. */
  readonly defined: string[];
  /** Names that it wants from others. */
  readonly undefined: string[];
  /** Versions that it wants, such as `GLIBC_2.17`. */
  readonly versions: string[];
  /** Number of libraries that it names as needed. */
  readonly needed: number;
}

interface Section {
  readonly type: number;
  readonly offset: number;
  readonly size: number;
  readonly link: number;
  readonly info: number;
}

/** Throws a TypeError when `file` is no 64-bit little-endian ELF file. */
export function readDynamicSymbols(file: Uint8Array): DynamicSymbols {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  if (view.getUint32(0) !== 0x7f454c46 || view.getUint16(4) !== 0x0201) {
    throw new TypeError("not a 64-bit little-endian ELF file");
  }
  const sections = readSections(view);
  const defined: string[] = [], undefined_: string[] = [], versions: string[] = [];
  let needed = 0;
  for (const section of sections) {
    if (section.type === SECTION_DYNSYM) {
      const strings = sections[section.link].offset;
      for (let at = section.offset + 24; at < section.offset + section.size; at += 24) {
        const name = readString(file, strings + view.getUint32(at, true));
        if (view.getUint16(at + 6, true) === 0) undefined_.push(name);
        else if (view.getUint8(at + 4) >> 4 !== 0) defined.push(name);
      }
    } else if (section.type === SECTION_VERNEED) {
      readVersions(file, view, section, sections[section.link].offset, versions);
    } else if (section.type === SECTION_DYNAMIC) {
      for (let at = section.offset; at < section.offset + section.size; at += 16) {
        if (Number(view.getBigUint64(at, true)) === DT_NEEDED) needed++;
      }
    }
  }
  return { defined, undefined: undefined_, versions, needed };
}

function readSections(view: DataView): Section[] {
  const start = Number(view.getBigUint64(40, true));
  const size = view.getUint16(58, true), count = view.getUint16(60, true);
  return Array.from({ length: count }, (_, index) => {
    const at = start + index * size;
    return {
      type: view.getUint32(at + 4, true),
      offset: Number(view.getBigUint64(at + 24, true)),
      size: Number(view.getBigUint64(at + 32, true)),
      link: view.getUint32(at + 40, true),
      info: view.getUint32(at + 44, true),
    };
  });
}

/** Of each file that versions are wanted from (Elf64_Verneed), each version (Elf64_Vernaux). */
function readVersions(
  file: Uint8Array,
  view: DataView,
  section: Section,
  strings: number,
  into: string[],
): void {
  let at = section.offset;
  for (let index = 0; index < section.info; index++) {
    let entry = at + view.getUint32(at + 8, true);
    for (let count = view.getUint16(at + 2, true); count > 0; count--) {
      into.push(readString(file, strings + view.getUint32(entry + 8, true)));
      entry += view.getUint32(entry + 12, true);
    }
    at += view.getUint32(at + 12, true);
  }
}

function readString(file: Uint8Array, at: number): string {
  return new TextDecoder().decode(file.subarray(at, file.indexOf(0, at)));
}
