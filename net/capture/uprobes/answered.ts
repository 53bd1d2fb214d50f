// SPDX-License-Identifier: MIT
/**
 * What a function that answers a field of its first argument reads, found by following its machine code as it runs for a session
 * of TLS over TCP. x86-64. Pure.
 *
 * @module
 */
import { decode, type Instruction, Prefix } from "./x86/instruction.ts";
import { jumpOf } from "./x86/flow.ts";

/** A field of the object that a function's first argument points to. */
export interface Field {
  readonly offset: number;
  /** Of its 32 bits, those that are answered. */
  readonly mask: number;
}

/** What a function answers. */
export interface Answer extends Field {
  /** It answers that when the object's first 32 bits are 0, which OpenSSL calls the type, from 3.2 on; undefined: whatever they are. */
  readonly whereTyped?: true;
}

/** What a register holds: the argument, a field of the object, a number; undefined: something else. */
type Value = "object" | Field | number | undefined;

const EAX = 0;
const RDI = 7;
const REX = { base: 1, register: 4, wide: 8 } as const;
/** Functions of interest take fewer instructions. */
const STEPS_MAX = 24;
const ALL = 0xffff_ffff;

/** The field that a function answers; undefined where it answers anything else, or is not understood. */
export function fieldAnswered(code: Uint8Array | undefined): Answer | undefined {
  if (code === undefined) return undefined;
  const registers: Value[] = [];
  registers[RDI] = "object";
  let isZero: boolean | undefined;
  let typed: { readonly whereTyped?: true } = {};
  for (let at = 0, step = 0; step < STEPS_MAX; step++) {
    const instruction = at < 0 ? undefined : decode(code, at);
    if (instruction === undefined || instruction.isVector) return undefined;
    at += instruction.length;
    if (isReturn(instruction)) {
      const answer = registers[EAX];
      return isField(answer) ? { ...answer, ...typed } : undefined;
    }
    const jump = jumpOf(instruction);
    if (jump !== undefined) {
      const isTaken = jump === "always" ? true : isTakenIf(instruction, isZero);
      if (isTaken === undefined) return undefined;
      if (isTaken) at += instruction.immediate;
      continue;
    }
    if (isEndbr(instruction)) continue;
    if (instruction.map === 0 && instruction.opcode === 0x85 && isOfRegisters(instruction)) {
      const [one, other] = operands(instruction);
      const isType = isField(registers[one]);
      isZero = one === other ? isZeroOf(registers[one]) : undefined;
      if (isType) typed = { whereTyped: true };
    } else if (!follow(instruction, registers)) {
      return undefined;
    } else if (!isMove(instruction)) {
      isZero = undefined;
    }
  }
  return undefined;
}

/** The offset of a field that a function answers with all of its 32 bits. */
export function wordAnswered(code: Uint8Array | undefined): number | undefined {
  const field = fieldAnswered(code);
  return field?.mask === ALL ? field.offset : undefined;
}

/** The type of a session of TLS over TCP is 0, that of QUIC is not. */
function isZeroOf(value: Value): boolean | undefined {
  if (value === "object") return false;
  if (typeof value === "number") return value === 0;
  return value?.offset === 0 && value.mask === ALL ? true : undefined;
}

/** JE and JNE; undefined: it is another jump, or not known. */
function isTakenIf({ opcode }: Instruction, isZero: boolean | undefined): boolean | undefined {
  const condition = opcode & 15;
  if (isZero === undefined || condition < 4 || condition > 5) return undefined;
  return isZero === (condition === 4);
}

/** Does to the registers what an instruction does; false where it is not one of those that are understood. */
function follow(instruction: Instruction, registers: Value[]): boolean {
  const { map, opcode, prefixes, modrm = 0, immediate } = instruction;
  const [operand, register] = operands(instruction);
  if (prefixes !== 0) return false;
  if (map === 1 && opcode === 0xb6) return load(instruction, registers, 0xff);
  if (map !== 0) return false;
  switch (opcode) {
    case 0x8b:
      return load(instruction, registers, ALL);
    case 0x31:
      if (operand !== register || modrm < 0xc0) return false;
      registers[operand] = 0;
      return true;
    case 0x83:
      // AND of a register with a byte.
      if ((modrm >> 3 & 7) !== 4 || modrm < 0xc0) return false;
      registers[operand] = masked(registers[operand], immediate >>> 0);
      return true;
    default:
      return false;
  }
}

/** MOV and MOVZX out of the object. */
function load(instruction: Instruction, registers: Value[], mask: number): boolean {
  const { modrm = 0, sib, rex, displacement } = instruction;
  if (modrm >= 0xc0 || sib !== undefined) return false;
  const [base, register] = operands(instruction);
  const isKnown = registers[base] === "object" && (rex & REX.wide) === 0 && displacement >= 0 &&
    (modrm & 0xc7) !== 5;
  registers[register] = isKnown ? { offset: displacement, mask } : undefined;
  return true;
}

function masked(value: Value, mask: number): Value {
  if (!isField(value)) return undefined;
  return { offset: value.offset, mask: (value.mask & mask) >>> 0 };
}

/** The registers of a ModRM byte: its operand's, or that operand's base, and the other one. */
function operands({ modrm = 0, rex }: Instruction): readonly [number, number] {
  return [
    (modrm & 7) + ((rex & REX.base) !== 0 ? 8 : 0),
    (modrm >> 3 & 7) + ((rex & REX.register) !== 0 ? 8 : 0),
  ];
}

function isOfRegisters({ modrm = 0, prefixes }: Instruction): boolean {
  return modrm >= 0xc0 && prefixes === 0;
}

function isField(value: Value): value is Field {
  return typeof value === "object";
}

function isReturn({ map, opcode }: Instruction): boolean {
  return map === 0 && opcode === 0xc3;
}

/** Moves leave the flags as they are. */
function isMove({ map, opcode }: Instruction): boolean {
  return map === 1 || opcode === 0x8b;
}

function isEndbr({ map, opcode, modrm, prefixes }: Instruction): boolean {
  return map === 1 && opcode === 0x1e && modrm === 0xfa && prefixes === Prefix.repeat;
}
