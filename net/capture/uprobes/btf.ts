// SPDX-License-Identifier: MIT
/**
 * BTF, the type information of the kernel and of BPF objects (Documentation/bpf/btf.rst): as much of it as finding types
 * takes. Pure.
 *
 * @module
 */

const MAGIC = 0xeb9f;
/** Of a type: name, info and size, before what its kind adds. */
const TYPE_SIZE = 12;

export const BTF_KIND = { int: 1, struct: 4, typedef: 8, datasec: 15 } as const;

/** Bytes behind the common ones, by kind: so many, and so many for each member. */
const EXTRA: Readonly<Record<number, readonly [number, number]>> = {
  1: [4, 0],
  3: [12, 0],
  4: [0, 12],
  5: [0, 12],
  6: [0, 8],
  13: [0, 8],
  14: [4, 0],
  15: [0, 12],
  17: [4, 0],
  19: [0, 12],
};

export interface BtfType {
  /** From 1. */
  readonly id: number;
  readonly kind: number;
  readonly name: string;
  /** Where it stands in the bytes. */
  readonly at: number;
  readonly members: number;
}

export class Btf {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly #view: DataView;
  readonly #types: readonly [begin: number, end: number];
  readonly #strings: number;

  /** Keeps `bytes`. Throws an Error when they are no BTF of this machine's byte order. */
  constructor(bytes: Uint8Array<ArrayBuffer>) {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    if (bytes.length < 24 || this.#view.getUint16(0, true) !== MAGIC) throw new Error("no BTF");
    const header = this.#view.getUint32(4, true);
    const types = header + this.#view.getUint32(8, true);
    this.#types = [types, types + this.#view.getUint32(12, true)];
    this.#strings = header + this.#view.getUint32(16, true);
    if (this.#types[1] > bytes.length || this.#strings > bytes.length) throw new Error("BTF is cut off");
  }

  /** The first type of this kind and name. */
  find(kind: number, name: string): number | undefined {
    for (const type of this.#scan()) {
      if (type.kind === kind && this.#hasName(type.nameAt, name)) return type.id;
    }
    return undefined;
  }

  /** All types of a kind. */
  all(kind: number): BtfType[] {
    return [...this.#scan()].filter((type) => type.kind === kind)
      .map(({ id, at, nameAt, members }) => ({ id, kind, at, members, name: this.text(nameAt) }));
  }

  /** A string by its offset. */
  text(offset: number): string {
    const begin = this.#strings + offset;
    return new TextDecoder().decode(this.bytes.subarray(begin, this.bytes.indexOf(0, begin)));
  }

  #hasName(offset: number, name: string): boolean {
    const begin = this.#strings + offset;
    for (let i = 0; i < name.length; i++) if (this.bytes[begin + i] !== name.charCodeAt(i)) return false;
    return this.bytes[begin + name.length] === 0;
  }

  *#scan(): Generator<{ id: number; kind: number; nameAt: number; at: number; members: number }> {
    const [begin, end] = this.#types;
    for (let at = begin, id = 1; at + TYPE_SIZE <= end; id++) {
      const info = this.#view.getUint32(at + 4, true);
      const kind = (info >>> 24) & 0x1f;
      const members = info & 0xffff;
      yield { id, kind, nameAt: this.#view.getUint32(at, true), at, members };
      const [extra, each] = EXTRA[kind] ?? [0, 0];
      at += TYPE_SIZE + extra + members * each;
    }
  }
}

/**
 * Where variables stand in their sections, and how long these are, is 0 in a compiled object; the kernel wants some order, and
 * uses it for nothing here: they are laid one behind the other.
 */
export function layOutSections(btf: Btf): void {
  const view = new DataView(btf.bytes.buffer, btf.bytes.byteOffset);
  for (const { at, members } of btf.all(BTF_KIND.datasec)) {
    let length = 0;
    for (let variable = at + TYPE_SIZE; variable < at + TYPE_SIZE * (members + 1); variable += TYPE_SIZE) {
      view.setUint32(variable + 4, length, true);
      length += view.getUint32(variable + 8, true);
    }
    view.setUint32(at + 8, length, true);
  }
}
