// SPDX-License-Identifier: MIT
/** All instructions of a function that can be reached, and where each goes on. Pure. @module */
import { decode, type Instruction } from "./instruction.ts";

/** Where machine code is read. */
export interface CodeSource {
  /** Code from an address on; shorter than an instruction: there is none. */
  at(address: number): Uint8Array;
}

/** An instruction at its place. */
export interface Step {
  readonly address: number;
  readonly instruction: Instruction;
  /** Where it goes on; both ways of a conditional jump, behind it first. A call goes on behind it. */
  readonly next: readonly number[];
  /** How the function ends here, where it does. */
  readonly end: End | undefined;
}

/**
 * - `return`: RET
 * - `away`: a jump to where only the running program knows: a tail call, or one way of a table
 * - `halt`: nothing comes behind: a trap, or a call at the function's end, which cannot return
 */
export type End = "return" | "away" | "halt";

export interface Flow {
  /** The function's first address, and that behind its last one. */
  readonly start: number;
  readonly end: number;
  /** By address; those outside the function are parts of it that the compiler put elsewhere, and functions that it jumps to. */
  readonly steps: ReadonlyMap<number, Step>;
}

/** A function with more is not looked through: those of interest have some hundreds of steps, and less than 3 KB. */
const STEPS_MAX = 2_000;
export const FUNCTION_BYTES_MAX = 64 << 10;

/** Undefined: something on the way is no instruction that is known, two overlap, or there are too many. */
export function flowOf(code: CodeSource, start: number, size: number): Flow | undefined {
  if (size > FUNCTION_BYTES_MAX) return undefined;
  const end = start + size;
  const steps = new Map<number, Step>();
  const open = [start];
  for (let address; (address = open.pop()) !== undefined;) {
    if (steps.has(address)) continue;
    const instruction = decode(code.at(address), 0);
    if (instruction === undefined || steps.size === STEPS_MAX) return undefined;
    const step = stepOf(address, instruction, end);
    steps.set(address, step);
    open.push(...step.next);
  }
  return overlaps(steps) ? undefined : { start, end, steps };
}

function stepOf(address: number, instruction: Instruction, functionEnd: number): Step {
  const behind = address + instruction.length;
  const ahead = behind === functionEnd ? [] : [behind];
  const end = endOf(instruction);
  if (end !== undefined) return { address, instruction, next: [], end };
  const jump = jumpOf(instruction);
  const target = behind + instruction.immediate;
  if (jump === "always") return { address, instruction, next: [target], end: undefined };
  if (jump === "sometimes") return { address, instruction, next: [...ahead, target], end: undefined };
  return { address, instruction, next: ahead, end: ahead.length === 0 ? "halt" : undefined };
}

/** Whether an instruction jumps to a place that stands in it. */
export function jumpOf({ map, opcode, isVector }: Instruction): "always" | "sometimes" | undefined {
  if (isVector) return undefined;
  if (map === 1) return opcode >= 0x80 && opcode <= 0x8f ? "sometimes" : undefined;
  if (map !== 0) return undefined;
  if (opcode === 0xe9 || opcode === 0xeb) return "always";
  const isConditional = opcode >= 0x70 && opcode <= 0x7f || opcode >= 0xe0 && opcode <= 0xe3;
  return isConditional ? "sometimes" : undefined;
}

function endOf({ map, opcode, isVector, modrm = 0 }: Instruction): End | undefined {
  if (isVector || map > 1) return undefined;
  if (map === 1) return opcode === 0x0b ? "halt" : undefined; // UD2
  switch (opcode) {
    case 0xc2: // RET and far RET
    case 0xc3:
    case 0xca:
    case 0xcb:
      return "return";
    case 0xcc: // INT3
    case 0xf4: // HLT
      return "halt";
    case 0xff: { // JMP through a register or memory
      const operation = (modrm >> 3) & 7;
      return operation === 4 || operation === 5 ? "away" : undefined;
    }
    case 0xc7: // XBEGIN goes on in two ways
      return modrm === 0xf8 ? "away" : undefined;
    case 0xcf: // IRET
      return "away";
    default:
      return undefined;
  }
}

/**
 * Addresses of all returns of a function that has nothing but instructions, one behind the other: also of those that only a table of
 * jumps leads to. Undefined: it has something else, or its instructions are not where `flow` has them.
 */
export function returnsOf(code: CodeSource, flow: Flow): number[] | undefined {
  const returns: number[] = [];
  const boundaries = new Set<number>();
  for (let address = flow.start; address < flow.end;) {
    const instruction = decode(code.at(address), 0);
    if (instruction === undefined) return undefined;
    if (endOf(instruction) === "return") returns.push(address);
    boundaries.add(address);
    address += instruction.length;
  }
  const isOutside = (address: number) => address < flow.start || address >= flow.end;
  return [...flow.steps.keys()].every((at) => isOutside(at) || boundaries.has(at)) ? returns : undefined;
}

function overlaps(steps: ReadonlyMap<number, Step>): boolean {
  const ordered = [...steps.values()].sort((a, b) => a.address - b.address);
  return ordered.some(({ address }, number) => {
    const before = ordered[number - 1];
    return before !== undefined && before.address + before.instruction.length > address;
  });
}

/** All steps that can follow `from`, itself included; `without` is not gone through. */
export function reachable(flow: Flow, from: readonly number[], without?: number): Set<number> {
  const seen = new Set<number>();
  const open = [...from];
  for (let address; (address = open.pop()) !== undefined;) {
    if (seen.has(address) || address === without) continue;
    seen.add(address);
    open.push(...flow.steps.get(address)!.next);
  }
  return seen;
}
