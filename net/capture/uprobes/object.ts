// SPDX-License-Identifier: MIT
/**
 * The compiled probes: an ELF file of BPF instructions with their maps and types, linked into programs as the kernel takes
 * them. Pure. The file is this project's own, so that nothing of it is doubted but that it is whole.
 *
 * @module
 */

const SECTION_SYMBOLS = 2;
const SECTION_RELOCATIONS = 9;
const SYMBOL_FUNCTION = 2;

/** Bytes of an instruction. */
const SLOT = 8;
const OP_LOAD_WIDE = 0x18;
const OP_CALL = 0x85;
/** What the source field of these says: descriptor of a map, function of the program. */
const SOURCE_MAP = 1;
const SOURCE_CALL = 1;
const SOURCE_FUNCTION = 4;

const MAP_DEFINITION_SIZE = 20;

interface Section {
  readonly name: string;
  readonly type: number;
  readonly offset: number;
  readonly size: number;
  readonly info: number;
}

interface SymbolEntry {
  readonly name: string;
  readonly type: number;
  readonly section: number;
  readonly value: number;
  readonly size: number;
}

interface Relocation {
  readonly offset: number;
  readonly symbol: SymbolEntry;
}

/** `struct map_definition` and its name. */
export interface MapDefinition {
  readonly name: string;
  readonly type: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags: number;
}

/** Records of one size that tell of instructions; the first word of each is a place in the program. */
export interface InstructionNotes {
  readonly size: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** A program whose maps have their descriptors. */
export interface LinkedProgram {
  readonly name: string;
  /** `uprobe/enter`, `tp_btf/NAME`. */
  readonly section: string;
  readonly instructions: Uint8Array<ArrayBuffer>;
  /** `struct bpf_func_info`. */
  readonly functions: InstructionNotes;
  /** `struct bpf_core_relo`. */
  readonly relocations: InstructionNotes;
}

/** A function of the object. */
interface Code {
  readonly section: number;
  /** Bytes in the section. */
  readonly begin: number;
  readonly end: number;
}

export class ProbeObject {
  readonly maps: readonly MapDefinition[];
  readonly #bytes: Uint8Array<ArrayBuffer>;
  readonly #view: DataView;
  readonly #sections: readonly Section[];
  readonly #symbols: readonly SymbolEntry[];
  /** By section. */
  readonly #relocations = new Map<number, Relocation[]>();
  readonly #notes: { readonly functions: SectionNotes; readonly relocations: SectionNotes };

  /** Keeps `bytes`. Throws an Error or RangeError when they are no such file. */
  constructor(bytes: Uint8Array<ArrayBuffer>) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#sections = this.#readSections();
    this.#symbols = this.#readSymbols();
    for (const section of this.#sections) {
      if (section.type === SECTION_RELOCATIONS) {
        this.#relocations.set(section.info, this.#readRelocations(section));
      }
    }
    this.maps = this.#readMaps();
    this.#notes = this.#readNotes();
  }

  /** A copy of the type information. */
  get btf(): Uint8Array<ArrayBuffer> {
    return this.#content(".BTF").slice();
  }

  /** All programs, with descriptors of maps by their names. */
  link(maps: ReadonlyMap<string, number>): LinkedProgram[] {
    return this.#symbols.filter(({ type, section }) =>
      type === SYMBOL_FUNCTION && this.#sections[section].name !== ".text"
    ).map((symbol) => this.#link(symbol, maps));
  }

  #readSections(): Section[] {
    const view = this.#view;
    if (this.#bytes.length < 64 || view.getUint32(0) !== 0x7f454c46) {
      throw new Error("the probes are no ELF file");
    }
    const table = Number(view.getBigUint64(40, true));
    const [each, count, names] = [58, 60, 62].map((at) => view.getUint16(at, true));
    const headers = Array.from({ length: count }, (_, number) => {
      const at = table + number * each;
      return {
        nameAt: view.getUint32(at, true),
        type: view.getUint32(at + 4, true),
        offset: Number(view.getBigUint64(at + 24, true)),
        size: Number(view.getBigUint64(at + 32, true)),
        info: view.getUint32(at + 44, true),
      };
    });
    const strings = headers[names].offset;
    return headers.map(({ nameAt, ...header }) => ({ ...header, name: this.#text(strings + nameAt) }));
  }

  #text(at: number): string {
    return new TextDecoder().decode(this.#bytes.subarray(at, this.#bytes.indexOf(0, at)));
  }

  #content(name: string): Uint8Array<ArrayBuffer> {
    const section = this.#sections.find((section) => section.name === name);
    if (!section) throw new Error(`the probes have no ${name}`);
    return this.#bytes.subarray(section.offset, section.offset + section.size);
  }

  #readSymbols(): SymbolEntry[] {
    const table = this.#sections.find(({ type }) => type === SECTION_SYMBOLS)!;
    const strings = this.#sections.find(({ name }) => name === ".strtab")!.offset;
    return Array.from({ length: table.size / 24 }, (_, number) => {
      const at = table.offset + number * 24;
      return {
        name: this.#text(strings + this.#view.getUint32(at, true)),
        type: this.#view.getUint8(at + 4) & 15,
        section: this.#view.getUint16(at + 6, true),
        value: Number(this.#view.getBigUint64(at + 8, true)),
        size: Number(this.#view.getBigUint64(at + 16, true)),
      };
    });
  }

  #readRelocations({ offset, size }: Section): Relocation[] {
    return Array.from({ length: size / 16 }, (_, number) => {
      const at = offset + number * 16;
      return {
        offset: Number(this.#view.getBigUint64(at, true)),
        symbol: this.#symbols[this.#view.getUint32(at + 12, true)],
      };
    });
  }

  #readMaps(): MapDefinition[] {
    const content = this.#content("maps");
    const view = new DataView(content.buffer, content.byteOffset, content.length);
    return this.#symbols.filter(({ section, name, size }) =>
      this.#sections[section]?.name === "maps" && name !== "" && size === MAP_DEFINITION_SIZE
    ).map(({ name, value }) => {
      const [type, keySize, valueSize, maxEntries, flags] = [0, 4, 8, 12, 16].map((at) =>
        view.getUint32(value + at, true)
      );
      return { name, type, keySize, valueSize, maxEntries, flags };
    });
  }

  #readNotes(): { functions: SectionNotes; relocations: SectionNotes } {
    const notes = this.#content(".BTF.ext");
    const types = this.#content(".BTF");
    const view = new DataView(types.buffer, types.byteOffset, types.length);
    const strings = view.getUint32(4, true) + view.getUint32(16, true);
    const name = (offset: number) => this.#text(types.byteOffset - this.#bytes.byteOffset + strings + offset);
    return { functions: readSectionNotes(notes, 8, name), relocations: readSectionNotes(notes, 24, name) };
  }

  /** The function that an instruction refers to, if it refers to one. */
  #callee(section: number, offset: number, relocation: Relocation | undefined): Code | undefined {
    const [code, source, value] = this.#instruction(section, offset);
    const isCall = code === OP_CALL && source === SOURCE_CALL;
    if (isCall) {
      if (!relocation) return this.#codeAt(section, offset + SLOT + value * SLOT);
      return this.#codeAt(relocation.symbol.section, relocation.symbol.value + SLOT + value * SLOT);
    }
    if (code !== OP_LOAD_WIDE || !relocation) return undefined;
    return this.#sections[relocation.symbol.section].name === "maps"
      ? undefined
      : this.#codeAt(relocation.symbol.section, relocation.symbol.value + value);
  }

  #instruction(section: number, offset: number): [code: number, source: number, value: number] {
    const at = this.#sections[section].offset + offset;
    return [this.#bytes[at], this.#bytes[at + 1] >> 4, this.#view.getInt32(at + 4, true)];
  }

  #codeAt(section: number, offset: number): Code {
    const symbol = this.#symbols.find((symbol) =>
      symbol.type === SYMBOL_FUNCTION && symbol.section === section && symbol.value === offset
    );
    if (!symbol) {
      throw new Error(`the probes have no function at ${offset} of ${this.#sections[section].name}`);
    }
    return { section, begin: offset, end: offset + symbol.size };
  }

  #relocationAt(section: number, offset: number): Relocation | undefined {
    return this.#relocations.get(section)?.find((relocation) => relocation.offset === offset);
  }

  /** The program's own function, and behind it every one that it calls. */
  #link({ name, section, value }: SymbolEntry, maps: ReadonlyMap<string, number>): LinkedProgram {
    const parts: { readonly code: Code; readonly at: number }[] = [];
    let length = 0;
    const place = (code: Code): number => {
      const known = parts.find((part) =>
        part.code.section === code.section && part.code.begin === code.begin
      );
      if (known) return known.at;
      const at = length;
      parts.push({ code, at });
      length += code.end - code.begin;
      return at;
    };
    place(this.#codeAt(section, value));
    const references: { readonly at: number; readonly to: number; readonly isCall: boolean }[] = [];
    const descriptors: { readonly at: number; readonly map: string }[] = [];
    for (const { code, at } of parts) {
      for (let offset = code.begin; offset < code.end; offset += SLOT) {
        const relocation = this.#relocationAt(code.section, offset);
        const here = at + offset - code.begin;
        const callee = this.#callee(code.section, offset, relocation);
        if (callee) {
          const isCall = this.#instruction(code.section, offset)[0] === OP_CALL;
          references.push({ at: here, to: place(callee), isCall });
        } else if (relocation) {
          descriptors.push({ at: here, map: relocation.symbol.name });
        }
      }
    }
    const instructions = new Uint8Array(length);
    for (const { code, at } of parts) {
      const from = this.#sections[code.section].offset;
      instructions.set(this.#bytes.subarray(from + code.begin, from + code.end), at);
    }
    const view = new DataView(instructions.buffer);
    const set = (at: number, source: number, value: number) => {
      instructions[at + 1] = instructions[at + 1] & 15 | source << 4;
      view.setInt32(at + 4, value, true);
    };
    for (const { at, to, isCall } of references) {
      set(at, isCall ? SOURCE_CALL : SOURCE_FUNCTION, (to - at) / SLOT - 1);
    }
    for (const { at, map } of descriptors) {
      const descriptor = maps.get(map);
      if (descriptor === undefined) throw new Error(`the probe ${name} wants the map "${map}"`);
      set(at, SOURCE_MAP, descriptor);
    }
    const placed = parts.map(({ code, at }) => ({ ...code, name: this.#sections[code.section].name, at }));
    return {
      name,
      section: this.#sections[section].name,
      instructions,
      functions: placeNotes(this.#notes.functions, placed, SLOT),
      relocations: placeNotes(this.#notes.relocations, placed, 1),
    };
  }
}

/** Notes of one kind, by the section that they are for. */
interface SectionNotes {
  readonly size: number;
  readonly bySection: ReadonlyMap<string, Uint8Array<ArrayBuffer>>;
}

/** Of `.BTF.ext`, those whose offset and length stand at `at` of its header. */
function readSectionNotes(
  notes: Uint8Array<ArrayBuffer>,
  at: number,
  name: (offset: number) => string,
): SectionNotes {
  const view = new DataView(notes.buffer, notes.byteOffset, notes.length);
  const begin = view.getUint32(4, true) + view.getUint32(at, true);
  const end = begin + view.getUint32(at + 4, true);
  const size = view.getUint32(begin, true);
  const bySection = new Map<string, Uint8Array<ArrayBuffer>>();
  for (let place = begin + 4; place < end;) {
    const length = view.getUint32(place + 4, true) * size;
    bySection.set(name(view.getUint32(place, true)), notes.subarray(place + 8, place + 8 + length));
    place += 8 + length;
  }
  return { size, bySection };
}

/** The notes of a program's parts, in the order of its instructions; places in what the kernel wants count `unit` bytes. */
function placeNotes(
  { size, bySection }: SectionNotes,
  parts: readonly { name: string; begin: number; end: number; at: number }[],
  unit: number,
): InstructionNotes {
  const records: Uint8Array<ArrayBuffer>[] = [];
  for (const { name, begin, end, at } of parts) {
    const bytes = bySection.get(name) ?? new Uint8Array();
    for (let record = 0; record < bytes.length; record += size) {
      const copy = bytes.slice(record, record + size);
      const view = new DataView(copy.buffer);
      const offset = view.getUint32(0, true);
      if (offset < begin || offset >= end) continue;
      view.setUint32(0, (offset - begin + at) / unit, true);
      records.push(copy);
    }
  }
  const bytes = new Uint8Array(records.length * size);
  records.forEach((record, number) => bytes.set(record, number * size));
  return { size, bytes };
}
