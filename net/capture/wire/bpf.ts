// SPDX-License-Identifier: MIT
/**
 * Assembles classic BPF, the language of socket filters (Linux's Documentation/networking/filter.rst).
 *
 * @module
 */

const CODES = {
  ldb: 0x30, // A = byte at k
  ldh: 0x28, // A = 16 bits at k
  ldw: 0x20, // A = 32 bits at k
  ldwx: 0x40, // A = 32 bits at X + k
  ldbx: 0x50, // A = byte at X + k
  ldhx: 0x48, // A = 16 bits at X + k
  ldm: 0x60, // A = M[k]
  st: 0x02, // M[k] = A
  len: 0x80, // A = bytes of the packet
  ldx: 0x01, // X = k
  tax: 0x07,
  txa: 0x87,
  add: 0x04,
  addx: 0x0c,
  subx: 0x1c,
  and: 0x54,
  lsh: 0x64,
  rsh: 0x74,
  ret: 0x06,
} as const;
const JA = 0x05;
const JEQ = 0x15;
const JGT = 0x25;
const JSET = 0x45;
/** How far a conditional jump can reach. */
const JUMP_MAX = 255;

interface Jump {
  readonly at: number;
  readonly label: string;
}

/** A program that is written down in order; jumps go forward only. */
export class BpfProgram {
  readonly #instructions: { code: number; yes: number; no: number; k: number }[] = [];
  readonly #jumps: (Jump & { readonly side: "yes" | "no" | "k" })[] = [];
  readonly #labels = new Map<string, number>();

  /** One instruction without a jump. */
  do(name: keyof typeof CODES, k = 0): this {
    return this.#add(CODES[name], k);
  }

  /** Here is `label`. */
  label(label: string): this {
    this.#labels.set(label, this.#instructions.length);
    return this;
  }

  /** Goes to `label`. */
  jump(label: string): this {
    return this.#add(JA, 0, { k: label });
  }

  /** Goes to `label` when A is `k`. */
  ifEqual(k: number, label: string): this {
    return this.#add(JEQ, k, { yes: label });
  }

  /** Goes to `label` when A is greater than `k`. */
  ifAbove(k: number, label: string): this {
    return this.#add(JGT, k, { yes: label });
  }

  /** Goes to `label` when A is not `k`. */
  unless(k: number, label: string): this {
    return this.#add(JEQ, k, { no: label });
  }

  /** Goes to `label` when A has a bit of `k`. */
  ifAny(k: number, label: string): this {
    return this.#add(JSET, k, { yes: label });
  }

  #add(code: number, k: number, labels: { yes?: string; no?: string; k?: string } = {}): this {
    const at = this.#instructions.length;
    for (const side of ["yes", "no", "k"] as const) {
      if (labels[side] !== undefined) this.#jumps.push({ at, label: labels[side], side });
    }
    this.#instructions.push({ code, yes: 0, no: 0, k });
    return this;
  }

  /** As `struct sock_filter`s, 8 bytes each. Throws a `RangeError` at a jump that goes nowhere, back or too far. */
  assemble(): Uint8Array<ArrayBuffer> {
    for (const { at, label, side } of this.#jumps) {
      const distance = (this.#labels.get(label) ?? NaN) - at - 1;
      if (!(distance >= 0 && (side === "k" || distance <= JUMP_MAX))) {
        throw new RangeError(`Cannot jump from ${at} to ${label}`);
      }
      this.#instructions[at][side] = distance;
    }
    const view = new DataView(new ArrayBuffer(this.#instructions.length * 8));
    this.#instructions.forEach(({ code, yes, no, k }, at) => {
      view.setUint16(at * 8, code, true);
      view.setUint8(at * 8 + 2, yes);
      view.setUint8(at * 8 + 3, no);
      view.setUint32(at * 8 + 4, k, true);
    });
    return new Uint8Array(view.buffer);
  }
}
