// SPDX-License-Identifier: MIT
/**
 * What a function that answers by its second and third argument stores there, found by following its machine code as it runs for a
 * session of TLS over TCP that has what is asked for. x86-64. Pure.
 *
 * @module
 */
import { decode, type Instruction, Prefix } from "./x86/instruction.ts";
import { jumpOf } from "./x86/flow.ts";

/** A name in a session: SSL_get0_alpn_selected stores where it is and how long. */
export interface NamePlace {
  /** Offset, in the session's object, of the pointer to what holds the two below; undefined: the object itself holds them. */
  readonly holder: number | undefined;
  /** Offset of the pointer to the name. */
  readonly name: number;
  /** Offset of its length, 32 bits. */
  readonly length: number;
}

/** Offsets, the last of a field, those before it of pointers: the first one is in the object. */
interface Loaded {
  readonly path: readonly number[];
  readonly isWide: boolean;
}

/** What a register holds: an argument, the stack's address, something loaded from the object, a number; undefined: something else. */
type Value = "object" | "name" | "length" | "stack" | Loaded | number | undefined;

interface State {
  readonly registers: Value[];
  readonly stored: { name?: Value; length?: Value };
  /** Of the last test; undefined: not known. */
  isZero: boolean | undefined;
}

const [RDX, RSP, RSI, RDI] = [2, 4, 6, 7];
const REX = { base: 1, register: 4, wide: 8 } as const;
/** Functions of interest take fewer instructions. */
const STEPS_MAX = 32;
const PATH_MAX = 2;

/** Where the name stands that a function answers; undefined where it is of another form. */
export function nameStored(code: Uint8Array | undefined): NamePlace | undefined {
  if (code === undefined) return undefined;
  const state: State = { registers: [], stored: {}, isZero: undefined };
  state.registers[RDI] = "object";
  state.registers[RSI] = "name";
  state.registers[RDX] = "length";
  state.registers[RSP] = "stack";
  for (let at = 0, step = 0; step < STEPS_MAX; step++) {
    const instruction = at < 0 ? undefined : decode(code, at);
    if (instruction === undefined || instruction.isVector) return undefined;
    at += instruction.length;
    if (instruction.map === 0 && instruction.opcode === 0xc3) return placeOf(state.stored);
    const jump = jumpOf(instruction);
    if (jump !== undefined) {
      const isTaken = jump === "always" || isTakenIf(instruction, state.isZero);
      if (isTaken === undefined) return undefined;
      if (isTaken) at += instruction.immediate;
    } else if (!follow(instruction, state)) {
      return undefined;
    }
  }
  return undefined;
}

function placeOf({ name, length }: State["stored"]): NamePlace | undefined {
  if (!isLoaded(name) || !isLoaded(length) || !name.isWide || length.isWide) return undefined;
  const [nameAt, ...nameIn] = name.path.toReversed();
  const [lengthAt, ...lengthIn] = length.path.toReversed();
  if (nameIn.length !== lengthIn.length || nameIn[0] !== lengthIn[0]) return undefined;
  return { holder: nameIn[0], name: nameAt, length: lengthAt };
}

/** JE and JNE; undefined: it is another jump, or not known. */
function isTakenIf({ opcode }: Instruction, isZero: boolean | undefined): boolean | undefined {
  const condition = opcode & 15;
  return isZero === undefined || condition < 4 || condition > 5 ? undefined : isZero === (condition === 4);
}

/** Does what an instruction does; false where it is not one of those that are understood. */
function follow(instruction: Instruction, state: State): boolean {
  const { map, opcode, modrm = 0, prefixes } = instruction;
  const { registers } = state;
  const [operand, register] = operands(instruction);
  const isOfRegisters = modrm >= 0xc0;
  if (map === 1) return isEndbr(instruction);
  if (map !== 0 || prefixes !== 0) return false;
  switch (opcode) {
    case 0x31:
      if (!isOfRegisters || operand !== register) return false;
      registers[operand] = 0;
      state.isZero = true;
      return true;
    case 0x85:
      state.isZero = isOfRegisters && operand === register ? isZeroOf(registers[operand]) : undefined;
      return isOfRegisters;
    case 0x89:
      if (!isOfRegisters) return store(instruction, registers[register], state);
      registers[operand] = isWide(instruction) ? registers[register] : undefined;
      return operand !== RSP;
    case 0x8b:
      registers[register] = isOfRegisters
        ? isWide(instruction) ? registers[operand] : undefined
        : loaded(instruction, registers);
      return register !== RSP;
    case 0xc7:
      return !isOfRegisters && store(instruction, instruction.immediate, state);
    case 0x83:
      // ADD and SUB, of the stack pointer.
      state.isZero = undefined;
      return operand === RSP && isOfRegisters && [0, 5].includes(modrm >> 3 & 7);
    default:
      return followStack(instruction, registers);
  }
}

/** PUSH and POP. */
function followStack({ opcode, rex }: Instruction, registers: Value[]): boolean {
  const register = (opcode & 7) + ((rex & REX.base) !== 0 ? 8 : 0);
  if ((opcode & 0xf8) === 0x58) registers[register] = undefined;
  return (opcode & 0xf0) === 0x50 && register !== RSP;
}

/** Of a session that has the name: its pointers lead somewhere, and its type is 0. */
function isZeroOf(value: Value): boolean | undefined {
  if (typeof value === "number") return value === 0;
  if (!isLoaded(value)) return value === undefined ? undefined : false;
  if (value.isWide) return false;
  return value.path.length === 1 && value.path[0] === 0 ? true : undefined;
}

function loaded(instruction: Instruction, registers: readonly Value[]): Value {
  const { displacement } = instruction;
  const base = baseOf(instruction, registers);
  const before = base === "object" ? [] : isLoaded(base) && base.isWide ? base.path : undefined;
  if (before === undefined || displacement < 0 || before.length >= PATH_MAX) return undefined;
  return { path: [...before, displacement], isWide: isWide(instruction) };
}

/** Only where the answer goes, whole, and on the stack; false where it is somewhere else. */
function store(instruction: Instruction, value: Value, { registers, stored }: State): boolean {
  const base = baseOf(instruction, registers);
  if (base === "stack") return true;
  if (base !== "name" && base !== "length" || instruction.displacement !== 0) return false;
  stored[base] = value;
  return isWide(instruction) === (base === "name");
}

/** What the register of an address in memory holds. */
function baseOf(instruction: Instruction, registers: readonly Value[]): Value {
  const { modrm = 0, sib } = instruction;
  // Nothing but the stack pointer, without an index.
  if (sib !== undefined) return (sib & 0x3f) === 0x24 ? "stack" : undefined;
  return (modrm & 0xc7) === 5 ? undefined : registers[operands(instruction)[0]];
}

/** The registers of a ModRM byte: its operand's, or that operand's base, and the other one. */
function operands({ modrm = 0, rex }: Instruction): readonly [number, number] {
  return [
    (modrm & 7) + ((rex & REX.base) !== 0 ? 8 : 0),
    (modrm >> 3 & 7) + ((rex & REX.register) !== 0 ? 8 : 0),
  ];
}

function isWide({ rex }: Instruction): boolean {
  return (rex & REX.wide) !== 0;
}

function isLoaded(value: Value): value is Loaded {
  return typeof value === "object";
}

function isEndbr({ opcode, modrm, prefixes }: Instruction): boolean {
  return opcode === 0x1e && modrm === 0xfa && prefixes === Prefix.repeat;
}
