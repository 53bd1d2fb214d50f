// SPDX-License-Identifier: MIT
/**
 * Which general registers an instruction of x86-64 may write, as a set of bits by the processor's numbers. Instructions that are
 * not known here may write all. Pure.
 *
 * @module
 */
import { type Instruction, Prefix } from "./instruction.ts";

export const Register = {
  rax: 1 << 0,
  rcx: 1 << 1,
  rdx: 1 << 2,
  rbx: 1 << 3,
  rsp: 1 << 4,
  rbp: 1 << 5,
  rsi: 1 << 6,
  rdi: 1 << 7,
  r8: 1 << 8,
} as const;

const NONE = 0;
const ALL = 0xffff;

/** Registers that may have another value behind `instruction`; a call may change all. */
export function writtenBy(instruction: Instruction): number {
  if (instruction.isVector) return ALL;
  if (instruction.map === 0) return writtenByOneByte(instruction);
  return instruction.map === 1 ? writtenByTwoBytes(instruction) : ALL;
}

function writtenByOneByte(instruction: Instruction): number {
  const { opcode, rex } = instruction;
  if (opcode < 0x40) return writtenByArithmetic(instruction);
  if (opcode >= 0x70 && opcode <= 0x7f) return NONE;
  const operation = ((instruction.modrm ?? 0) >> 3) & 7;
  switch (opcode & 0xf8) {
    case 0x50: // PUSH
      return Register.rsp;
    case 0x58: // POP
      return Register.rsp | low(instruction, false);
    case 0x90: // XCHG with RAX, of which one is NOP
      return opcode === 0x90 && (rex & 1) === 0
        ? NONE
        : opcode < 0x98
        ? Register.rax | low(instruction, false)
        : ALL;
    case 0xb0: // MOV
      return low(instruction, true);
    case 0xb8:
      return low(instruction, false);
  }
  switch (opcode) {
    case 0x63: // MOVSXD
    case 0x69: // IMUL
    case 0x6b:
    case 0x8b: // MOV
    case 0x8d: // LEA
      return middle(instruction, false);
    case 0x8a:
      return middle(instruction, true);
    case 0x68: // PUSH
    case 0x6a:
    case 0xc2: // RET
    case 0xc3:
      return Register.rsp;
    case 0x80: // arithmetic with an immediate; the last is CMP
      return operation === 7 ? NONE : operand(instruction, true);
    case 0x81:
    case 0x83:
      return operation === 7 ? NONE : operand(instruction, false);
    case 0x84: // TEST
    case 0x85:
    case 0xa8:
    case 0xa9:
    case 0xe9: // JMP
    case 0xeb:
      return NONE;
    case 0x86: // XCHG
      return middle(instruction, true) | operand(instruction, true);
    case 0x87:
      return middle(instruction, false) | operand(instruction, false);
    case 0x88: // MOV
    case 0xc0: // shifts
    case 0xd0:
    case 0xd2:
      return operand(instruction, true);
    case 0x89:
    case 0xc1:
    case 0xd1:
    case 0xd3:
      return operand(instruction, false);
    case 0xc6: // MOV
      return operation === 0 ? operand(instruction, true) : ALL;
    case 0xc7:
      return operation === 0 ? operand(instruction, false) : ALL;
    case 0xc9: // LEAVE
      return Register.rsp | Register.rbp;
    case 0xf6: // TEST, NOT, NEG, and MUL to IDIV
    case 0xf7:
      return operation < 2
        ? NONE
        : operation < 4
        ? operand(instruction, opcode === 0xf6)
        : Register.rax | Register.rdx;
    case 0xfe: // INC, DEC
    case 0xff:
      return operation < 2 ? operand(instruction, opcode === 0xfe) : operation === 4 ? NONE : ALL;
    default:
      return ALL;
  }
}

const REX_W = 8;
/** ModRM bytes of ADD and SUB with an immediate, of RSP. */
const ADD_RSP = 0xc4;
const SUB_RSP = 0xec;

/** Bytes by which an instruction moves the stack pointer, negative where it pushes; undefined: not known. */
export function stackMove(instruction: Instruction): number | undefined {
  const { map, opcode, modrm, rex, prefixes, immediate } = instruction;
  if ((writtenBy(instruction) & Register.rsp) === 0) return 0;
  if (map !== 0 || (prefixes & Prefix.operandSize) !== 0) return undefined;
  const isPush = (opcode & 0xf8) === 0x50 || opcode === 0x68 || opcode === 0x6a;
  if (isPush) return -8;
  const isPop = (opcode & 0xf8) === 0x58 && low(instruction, false) !== Register.rsp;
  if (isPop) return 8;
  const isArithmetic = (opcode === 0x81 || opcode === 0x83) && rex === (0x40 | REX_W);
  if (isArithmetic && modrm === ADD_RSP) return immediate;
  return isArithmetic && modrm === SUB_RSP ? -immediate : undefined;
}

/** ADD to CMP: to the operand, from it, and to RAX; CMP writes flags only. */
function writtenByArithmetic(instruction: Instruction): number {
  const { opcode } = instruction;
  const form = opcode & 7;
  if (opcode >= 0x38) return NONE;
  if (form < 2) return operand(instruction, form === 0);
  return form < 4 ? middle(instruction, form === 2) : Register.rax;
}

/** Opcodes behind 0F that write vector registers, memory or flags. */
const WITHOUT_REGISTERS: readonly (readonly [first: number, last: number])[] = [
  [0x0d, 0x0d],
  [0x10, 0x1d],
  [0x1f, 0x1f],
  [0x28, 0x2b],
  [0x2e, 0x2f],
  [0x51, 0x6f],
  [0x74, 0x76],
  [0x7f, 0x8f],
  [0xa3, 0xa3],
  [0xd4, 0xd4],
  [0xd6, 0xd6],
  [0xe7, 0xe7],
  [0xeb, 0xeb],
  [0xef, 0xef],
];
const ENDBR64 = 0xfa;
const ENDBR32 = 0xfb;

function writtenByTwoBytes(instruction: Instruction): number {
  const { opcode, modrm = 0, prefixes } = instruction;
  if (WITHOUT_REGISTERS.some(([first, last]) => opcode >= first && opcode <= last)) return NONE;
  switch (opcode & 0xf0) {
    case 0x40: // CMOV
      return middle(instruction, false);
    case 0x90: // SET
      return operand(instruction, true);
  }
  switch (opcode) {
    case 0x1e: // ENDBR64; RDSSP is of the same opcode
      return (prefixes & Prefix.repeat) !== 0 && modrm !== ENDBR64 && modrm !== ENDBR32 ? ALL : NONE;
    case 0xaf: // IMUL
    case 0xb6: // MOVZX
    case 0xb7:
    case 0xbe: // MOVSX
    case 0xbf:
      return middle(instruction, false);
    case 0xba: // BT with an immediate, and those that change the bit
      return ((modrm >> 3) & 7) === 4 ? NONE : operand(instruction, false);
    case 0xc0: // XADD
      return middle(instruction, true) | operand(instruction, true);
    case 0xc1:
      return middle(instruction, false) | operand(instruction, false);
    default:
      return ALL;
  }
}

/** The register that the opcode's last bits name. */
function low({ opcode, rex }: Instruction, isByte: boolean): number {
  return bits((opcode & 7) | (rex & 1) << 3, isByte && rex === 0);
}

/** The register that the middle of the ModRM byte names. */
function middle({ modrm = 0, rex }: Instruction, isByte: boolean): number {
  return bits((modrm >> 3) & 7 | (rex & 4) << 1, isByte && rex === 0);
}

/** The operand, where it is a register and not in memory. */
function operand({ modrm = 0, rex }: Instruction, isByte: boolean): number {
  return modrm < 0xc0 ? NONE : bits(modrm & 7 | (rex & 1) << 3, isByte && rex === 0);
}

/** Bytes 4 to 7 are, without REX, the second ones of the first four registers. */
function bits(register: number, hasSecondBytes: boolean): number {
  const bit = 1 << register;
  return hasSecondBytes && register >= 4 ? bit | bit >> 4 : bit;
}
