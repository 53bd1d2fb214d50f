// SPDX-License-Identifier: MIT
/** Headers of a 64-bit little-endian ELF file (System V ABI, chapters 4 and 5), and where in it an address lies. Pure. @module */
import { Buffer } from "node:buffer";

/** Reads `length` bytes of a file at `offset`; fewer where it ends. */
export type ReadAt = (offset: number, length: number) => DataView<ArrayBuffer>;

export interface Section {
  readonly name: string;
  readonly type: number;
  readonly address: number;
  readonly offset: number;
  readonly size: number;
  /** Number of the section with a symbol table's names. */
  readonly link: number;
}

export interface Segment {
  readonly type: number;
  readonly isExecutable: boolean;
  readonly offset: number;
  readonly address: number;
  /** Bytes that the file has of it. */
  readonly size: number;
}

export interface ElfFile {
  /** Number of the processors that it is for: {@linkcode X86_64}, {@linkcode ARM64} or another. */
  readonly machine: number;
  readonly sections: readonly Section[];
  readonly segments: readonly Segment[];
  readonly read: ReadAt;
}

export const X86_64 = 62;
export const ARM64 = 183;
export const SectionType = { symbols: 2, strings: 3, relocations: 4, absent: 8, dynamicSymbols: 11 } as const;
export const SegmentType = { load: 1, loader: 3, note: 4 } as const;

const HEADER_BYTES = 64;
const SECTION_BYTES = 64;
const SEGMENT_BYTES = 56;
const ELF_MAGIC = 0x7f454c46;
const CLASS_64 = 2;
const LITTLE_ENDIAN = 1;
/** More sections than any linker makes without being asked to. */
const SECTIONS_MAX = 1024;
const SEGMENTS_MAX = 256;
const SECTION_NAMES_MAX = 64 << 10;
/** No section of interest has a longer name. */
const SECTION_NAME_MAX = 64;
const IS_EXECUTABLE = 1;

/** Undefined: no 64-bit little-endian ELF file. Tables that lie beyond the file's end are cut or empty. */
export function openElf(read: ReadAt): ElfFile | undefined {
  const header = read(0, HEADER_BYTES);
  const isElf = header.byteLength === HEADER_BYTES && header.getUint32(0) === ELF_MAGIC &&
    header.getUint8(4) === CLASS_64 && header.getUint8(5) === LITTLE_ENDIAN;
  if (!isElf) return undefined;
  return {
    machine: header.getUint16(18, true),
    sections: readSections(read, header),
    segments: readSegments(read, header),
    read,
  };
}

function readSections(read: ReadAt, header: DataView): Section[] {
  const count = Math.min(header.getUint16(60, true), SECTIONS_MAX);
  const table = read(word(header, 40), count * SECTION_BYTES);
  const sections = Array.from({ length: Math.floor(table.byteLength / SECTION_BYTES) }, (_, number) => {
    const at = number * SECTION_BYTES;
    return {
      nameAt: table.getUint32(at, true),
      type: table.getUint32(at + 4, true),
      address: word(table, at + 16),
      offset: word(table, at + 24),
      size: word(table, at + 32),
      link: table.getUint32(at + 40, true),
    };
  });
  const names = sections[header.getUint16(62, true)];
  if (names === undefined) return [];
  const text = latin1(read(names.offset, Math.min(names.size, SECTION_NAMES_MAX)));
  return sections.map(({ nameAt, ...rest }) => ({
    ...rest,
    name: text.slice(nameAt, nameAt + SECTION_NAME_MAX).split("\0", 1)[0],
  }));
}

function readSegments(read: ReadAt, header: DataView): Segment[] {
  const count = Math.min(header.getUint16(56, true), SEGMENTS_MAX);
  const table = read(word(header, 32), count * SEGMENT_BYTES);
  return Array.from({ length: Math.floor(table.byteLength / SEGMENT_BYTES) }, (_, number) => {
    const at = number * SEGMENT_BYTES;
    return {
      type: table.getUint32(at, true),
      isExecutable: (table.getUint32(at + 4, true) & IS_EXECUTABLE) !== 0,
      offset: word(table, at + 8),
      address: word(table, at + 16),
      size: word(table, at + 32),
    };
  });
}

/** A word of 64 bits; what is beyond 2^53 lies in no file. */
export function word(view: DataView, at: number): number {
  return Number(view.getBigUint64(at, true));
}

/** Bytes as a text, in which is searched many times as fast as in bytes. */
export function latin1({ buffer, byteOffset, byteLength }: DataView<ArrayBuffer>): string {
  return Buffer.from(buffer, byteOffset, byteLength).toString("latin1");
}
