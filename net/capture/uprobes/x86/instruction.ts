// SPDX-License-Identifier: MIT
/**
 * Reads an instruction of x86-64 in 64-bit mode: how long it is, and what tells where the program goes on and which registers
 * are written. What is not sure is not read. Pure.
 *
 * @module
 */
import { formOf, HAS_MODRM, Immediate } from "./opcodes.ts";

export interface Instruction {
  /** Bytes, prefixes included. */
  readonly length: number;
  /** 0: of one byte, 1: behind 0F, 2: behind 0F 38, 3: behind 0F 3A; above that, maps of EVEX and XOP. */
  readonly map: number;
  readonly opcode: number;
  /** Encoded with VEX, EVEX or XOP. */
  readonly isVector: boolean;
  /** The REX prefix; 0: none. */
  readonly rex: number;
  /** All prefixes but REX, as a sum of {@linkcode Prefix}. */
  readonly prefixes: number;
  /** Undefined: it has none. */
  readonly modrm: number | undefined;
  /** Undefined: it has none. */
  readonly sib: number | undefined;
  /** Of the operand in memory, signed; 0: none. */
  readonly displacement: number;
  /** Signed; 0: none, or one of more than four bytes. */
  readonly immediate: number;
}

export const Prefix = {
  operandSize: 1,
  addressSize: 2,
  lock: 4,
  /** F2 and F3. */
  repeat: 8,
  fs: 16,
  otherSegment: 32,
} as const;

const PREFIXES: Readonly<Record<number, number>> = {
  0x26: Prefix.otherSegment,
  0x2e: Prefix.otherSegment,
  0x36: Prefix.otherSegment,
  0x3e: Prefix.otherSegment,
  0x64: Prefix.fs,
  0x65: Prefix.otherSegment,
  0x66: Prefix.operandSize,
  0x67: Prefix.addressSize,
  0xf0: Prefix.lock,
  0xf2: Prefix.repeat,
  0xf3: Prefix.repeat,
};

/** The processor refuses longer ones. */
const LENGTH_MAX = 15;
const REX_W = 8;

/** Takes bytes one after the other; behind the last it answers 0, and `isOver` says so. */
class Cursor {
  readonly #bytes: Uint8Array;
  readonly #start: number;
  readonly #end: number;
  #at: number;

  constructor(bytes: Uint8Array, start: number) {
    this.#bytes = bytes;
    this.#start = start;
    this.#at = start;
    this.#end = Math.min(bytes.length, start + LENGTH_MAX);
  }

  get length(): number {
    return this.#at - this.#start;
  }

  get isOver(): boolean {
    return this.#at > this.#end;
  }

  peek(): number {
    return this.#at < this.#end ? this.#bytes[this.#at] : 0;
  }

  next(): number {
    const byte = this.peek();
    this.#at++;
    return byte;
  }

  /** A signed number of 0, 1, 2 or 4 bytes; of longer ones their bytes are passed. */
  signed(bytes: number): number {
    let value = 0;
    for (let at = 0; at < bytes; at++) {
      const byte = this.next();
      if (at < 4) value |= byte << (8 * at);
    }
    if (bytes > 4 || bytes === 0) return 0;
    const unused = 32 - 8 * bytes;
    return value << unused >> unused;
  }
}

/** Which opcode it is, behind all prefixes. */
interface Opcode {
  readonly map: number;
  readonly opcode: number;
  readonly isVector: boolean;
}

/** The instruction that begins at `at`; undefined: it goes beyond `bytes`, has no meaning, or one that processors differ in. */
export function decode(bytes: Uint8Array, at: number): Instruction | undefined {
  const cursor = new Cursor(bytes, at);
  const prefixes = readPrefixes(cursor);
  const rex = (cursor.peek() & 0xf0) === 0x40 ? cursor.next() : 0;
  const found = readOpcode(cursor, rex);
  if (found === undefined) return undefined;
  const { map, opcode, isVector } = found;
  const form = formOf(map, opcode, isVector);
  if (form === undefined) return undefined;
  const modrm = (form & HAS_MODRM) !== 0 ? cursor.next() : undefined;
  const { sib, displacement } = readOperand(cursor, modrm, found);
  const size = immediateSize(form & ~HAS_MODRM, { prefixes, rex, modrm }) + extraBytes(found, prefixes);
  if (size < 0) return undefined;
  const immediate = cursor.signed(size);
  if (cursor.isOver) return undefined;
  return { length: cursor.length, ...found, rex, prefixes, modrm, sib, displacement, immediate };
}

function readPrefixes(cursor: Cursor): number {
  let prefixes = 0;
  for (let flag; (flag = PREFIXES[cursor.peek()]) !== undefined; cursor.next()) prefixes |= flag;
  return prefixes;
}

/** Undefined: what stands there is no opcode; a prefix behind REX is none, which takes its effect away. */
function readOpcode(cursor: Cursor, rex: number): Opcode | undefined {
  const first = cursor.next();
  if (PREFIXES[first] !== undefined || (first & 0xf0) === 0x40) return undefined;
  if (first === 0x0f) return readEscaped(cursor);
  const isXop = first === 0x8f && (cursor.peek() & 0x1f) >= 8;
  if (first !== 0xc4 && first !== 0xc5 && first !== 0x62 && !isXop) {
    return { map: 0, opcode: first, isVector: false };
  }
  return rex === 0 ? readVector(cursor, first) : undefined;
}

function readEscaped(cursor: Cursor): Opcode {
  const opcode = cursor.next();
  if (opcode === 0x38) return { map: 2, opcode: cursor.next(), isVector: false };
  if (opcode === 0x3a) return { map: 3, opcode: cursor.next(), isVector: false };
  return { map: 1, opcode, isVector: false };
}

/** Bytes of the prefix behind the first one, in which the map's number is. */
function readVector(cursor: Cursor, first: number): Opcode | undefined {
  const second = cursor.next();
  if (first === 0xc5) return { map: 1, opcode: cursor.next(), isVector: true };
  cursor.next();
  if (first === 0x62) cursor.next();
  const map = second & (first === 0x62 ? 0x07 : 0x1f);
  return map === 0 ? undefined : { map, opcode: cursor.next(), isVector: true };
}

/** What a ModRM byte is followed by (Intel's manual, volume 2, table 2-2). */
function readOperand(cursor: Cursor, modrm: number | undefined, { map, opcode, isVector }: Opcode) {
  const isControlRegister = map === 1 && !isVector && opcode >= 0x20 && opcode <= 0x23;
  if (modrm === undefined || modrm >= 0xc0 || isControlRegister) return { sib: undefined, displacement: 0 };
  const mode = modrm >> 6;
  const sib = (modrm & 7) === 4 ? cursor.next() : undefined;
  const hasNoBase = ((sib ?? modrm) & 7) === 5;
  return { sib, displacement: cursor.signed(mode === 0 ? (hasNoBase ? 4 : 0) : mode === 1 ? 1 : 4) };
}

interface Sizing {
  readonly prefixes: number;
  readonly rex: number;
  readonly modrm: number | undefined;
}

/** Bytes; negative where processors differ: Intel's and AMD's read near jumps with an operand-size prefix in two ways. */
function immediateSize(immediate: number, { prefixes, rex, modrm = 0 }: Sizing): number {
  const isWide = (rex & REX_W) !== 0;
  const isShort = !isWide && (prefixes & Prefix.operandSize) !== 0;
  const isTest = (modrm & 0x30) === 0;
  switch (immediate) {
    case Immediate.operand:
      return isShort ? 2 : 4;
    case Immediate.full:
      return isWide ? 8 : isShort ? 2 : 4;
    case Immediate.address:
      return (prefixes & Prefix.addressSize) !== 0 ? 4 : 8;
    case Immediate.testByte:
      return isTest ? 1 : 0;
    case Immediate.testOperand:
      return isTest ? isShort ? 2 : 4 : 0;
    case Immediate.near:
      return isShort ? -LENGTH_MAX : 4;
    default:
      return immediate;
  }
}

/** EXTRQ and INSERTQ of SSE4a share an opcode with an instruction that has no immediate. */
function extraBytes({ map, opcode, isVector }: Opcode, prefixes: number): number {
  const isSse4a = map === 1 && opcode === 0x78 && !isVector;
  return isSse4a && (prefixes & (Prefix.operandSize | Prefix.repeat)) !== 0 ? 2 : 0;
}
