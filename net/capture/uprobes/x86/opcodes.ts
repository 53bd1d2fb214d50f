// SPDX-License-Identifier: MIT
/**
 * What follows an opcode of x86-64 in 64-bit mode (Intel's manual, volume 2, appendix A): whether a ModRM byte does, and which
 * immediate. Pure.
 *
 * @module
 */

/** Immediates, by what decides their length. */
export const Immediate = {
  none: 0,
  byte: 1,
  /** Two bytes. */
  word: 2,
  /** A word and a byte: ENTER. */
  wordAndByte: 3,
  /** Four bytes. */
  double: 4,
  /** Four bytes, two with an operand-size prefix. */
  operand: 5,
  /** MOV's into a register: as `operand`, eight bytes with REX.W. */
  full: 6,
  /** An address of eight bytes, four with an address-size prefix. */
  address: 7,
  /** TEST's, which is the first two of a group of eight; the others have none. */
  testByte: 8,
  testOperand: 9,
  /** The distance of a jump or call, four bytes. */
  near: 10,
} as const;

/** Added to an immediate where the opcode has a ModRM byte. */
export const HAS_MODRM = 0x10;
/** Of opcodes that mean nothing in 64-bit mode. */
const NOT_THERE = 0xff;

type Range = readonly [first: number, last: number];

function table(
  fallback: number,
  forms: readonly (readonly [form: number, ...ranges: Range[]])[],
): Uint8Array {
  const filled = new Uint8Array(256).fill(fallback);
  for (const [form, ...ranges] of forms) {
    for (const [first, last] of ranges) filled.fill(form, first, last + 1);
  }
  return filled;
}

const single = (...opcodes: number[]): Range[] => opcodes.map((opcode) => [opcode, opcode]);
/** ADD, OR, ADC, SBB, AND, SUB, XOR and CMP have eight opcodes each, of one pattern. */
const arithmetic = (first: number, last: number): Range[] =>
  Array.from({ length: 8 }, (_, operation) => [operation * 8 + first, operation * 8 + last]);

/** Prefixes and bytes that lead into another map are not looked up. */
const ONE_BYTE = table(Immediate.none, [
  [HAS_MODRM, ...arithmetic(0, 3), ...single(0x63), [0x84, 0x8f], [0xd0, 0xd3], [0xd8, 0xdf], [0xfe, 0xff]],
  [Immediate.byte, ...arithmetic(4, 4), ...single(0x6a, 0xa8, 0xcd, 0xeb), [0x70, 0x7f], [0xb0, 0xb7]],
  [Immediate.byte, [0xe0, 0xe7]],
  [Immediate.operand, ...arithmetic(5, 5), ...single(0x68, 0xa9)],
  [HAS_MODRM | Immediate.byte, ...single(0x6b, 0x80, 0x83, 0xc0, 0xc1, 0xc6)],
  [HAS_MODRM | Immediate.operand, ...single(0x69, 0x81, 0xc7)],
  [Immediate.address, [0xa0, 0xa3]],
  [Immediate.full, [0xb8, 0xbf]],
  [Immediate.word, ...single(0xc2, 0xca)],
  [Immediate.wordAndByte, ...single(0xc8)],
  [Immediate.near, ...single(0xe8, 0xe9)],
  [HAS_MODRM | Immediate.testByte, ...single(0xf6)],
  [HAS_MODRM | Immediate.testOperand, ...single(0xf7)],
  [NOT_THERE, ...arithmetic(6, 7), ...single(0x60, 0x61, 0x82, 0x9a, 0xce, 0xd4, 0xd5, 0xd6, 0xea)],
]);

/** Behind 0F. */
const TWO_BYTES = table(HAS_MODRM, [
  [Immediate.none, [0x05, 0x09], ...single(0x0b, 0x0e, 0x77), [0x30, 0x35], [0xa0, 0xa2], [0xa8, 0xaa]],
  [Immediate.none, ...single(0x37), [0xc8, 0xcf]],
  [Immediate.near, [0x80, 0x8f]],
  [HAS_MODRM | Immediate.byte, ...single(0x0f, 0xa4, 0xac, 0xba, 0xc2, 0xc4, 0xc5, 0xc6), [0x70, 0x73]],
  [NOT_THERE, ...single(0x04, 0x0a, 0x0c, 0x36), [0x24, 0x27], [0x39, 0x3f]],
]);

/** Behind 0F, encoded with VEX or EVEX. */
const VECTOR_TWO_BYTES = table(HAS_MODRM, [
  [Immediate.none, ...single(0x77)],
  [HAS_MODRM | Immediate.byte, ...single(0xc2, 0xc4, 0xc5, 0xc6), [0x70, 0x73]],
  [NOT_THERE, [0x00, 0x0f], [0x18, 0x27], [0x30, 0x3f], [0x80, 0x8f], [0xa0, 0xad], [0xc8, 0xcf]],
]);

/** By the number that VEX, EVEX and XOP have for a map: behind 0F 38, behind 0F 3A, and those that only they have. */
const OTHER_MAPS: Readonly<Record<number, number>> = {
  2: HAS_MODRM,
  3: HAS_MODRM | Immediate.byte,
  5: HAS_MODRM,
  6: HAS_MODRM,
  8: HAS_MODRM | Immediate.byte,
  9: HAS_MODRM,
  10: HAS_MODRM | Immediate.double,
};

/** The form of an opcode: its immediate, and {@linkcode HAS_MODRM}; undefined: it has no meaning. */
export function formOf(map: number, opcode: number, isVector: boolean): number | undefined {
  const form = map === 0
    ? ONE_BYTE[opcode]
    : map === 1
    ? (isVector ? VECTOR_TWO_BYTES : TWO_BYTES)[opcode]
    : OTHER_MAPS[map] ?? NOT_THERE;
  return form === NOT_THERE ? undefined : form;
}
