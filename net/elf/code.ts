// SPDX-License-Identifier: MIT
/** The machine code of an ELF file, by addresses as linked. Pure. @module */
import { type ElfFile, type Segment, SegmentType } from "./elf_file.ts";

const PAGE_BYTES = 4096;
/** What begins in a page and is looked at as a whole, an instruction or a small function, may end so many bytes behind it. */
const BEYOND_BYTES = 128;

/** Reads code page by page, each page once. */
export class Code {
  readonly #elf: ElfFile;
  readonly #pages = new Map<number, Uint8Array>();

  constructor(elf: ElfFile) {
    this.#elf = elf;
  }

  /** Code from `address` on, at least 128 bytes of it unless its segment ends before; empty where there is none. Borrowed. */
  at(address: number): Uint8Array {
    const segment = this.#segmentOf(address);
    if (segment === undefined) return new Uint8Array();
    const page = Math.max(segment.address, address - address % PAGE_BYTES);
    let bytes = this.#pages.get(page);
    if (bytes === undefined) {
      const start = page - segment.address;
      const view = this.#elf.read(
        segment.offset + start,
        Math.min(PAGE_BYTES + BEYOND_BYTES, segment.size - start),
      );
      bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
      this.#pages.set(page, bytes);
    }
    return bytes.subarray(address - page);
  }

  /** Where in the file the code at `address` lies, which is how probes are placed; undefined: it has none there. */
  offsetOf(address: number): number | undefined {
    const segment = this.#segmentOf(address);
    return segment && address - segment.address + segment.offset;
  }

  #segmentOf(address: number): Segment | undefined {
    return this.#elf.segments.find((segment) =>
      segment.type === SegmentType.load && segment.isExecutable &&
      address >= segment.address && address < segment.address + segment.size
    );
  }
}
