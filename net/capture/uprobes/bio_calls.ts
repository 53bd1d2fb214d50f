// SPDX-License-Identifier: MIT
/**
 * Where OpenSSL's BIO of a session calls the library's own reading and writing: `BIO_f_ssl` answers a table of functions that no symbol names,
 * and these call neither SSL_read nor SSL_write, but what those call, too. Pure.
 *
 * @module
 */
import type { ElfFile } from "../../elf/elf_file.ts";
import { pointerAt } from "../../elf/relocations.ts";
import type { FunctionSymbol } from "../../elf/symbols.ts";
import { type CodeSource, type Flow, flowOf, type Step } from "./x86/flow.ts";
import { decode } from "./x86/instruction.ts";
import { Register, stackMove, writtenBy } from "./x86/registers.ts";

/** A way in which a BIO's table of functions (`struct bio_method_st` of OpenSSL 1.1.1 and 3) has a function of its own. */
interface BioWay {
  /** Of its pointer in the table. */
  readonly slot: number;
  /** Functions that lead where it does; the second one has the same arguments. */
  readonly beside: readonly [string, string];
}

const WRITES: BioWay = { slot: 16, beside: ["SSL_write", "SSL_write_ex"] };
const READS: BioWay = { slot: 32, beside: ["SSL_read", "SSL_read_ex"] };

/** A call instruction. */
interface BioCall {
  readonly address: number;
  /** Of the instruction behind it. */
  readonly behind: number;
  /** Bytes on the stack there, above the stack pointer and below the return address. */
  readonly depth: number;
}

/** No function of these has more. */
const METHOD_BYTES = 4096;

/** Those that read, and those that write. */
export interface BioCalls {
  readonly reads: BioCall;
  readonly writes: BioCall;
}

/** Undefined: they are not known for certain. */
export function bioCalls(
  elf: ElfFile,
  code: CodeSource,
  symbols: ReadonlyMap<string, FunctionSymbol>,
): BioCalls | undefined {
  const reads = callOf(elf, code, symbols, READS);
  const writes = reads && callOf(elf, code, symbols, WRITES);
  return writes && { reads, writes };
}

/** The one call by which the BIO's function goes that way; undefined: it is not known for certain. */
function callOf(
  elf: ElfFile,
  code: CodeSource,
  symbols: ReadonlyMap<string, FunctionSymbol>,
  { slot, beside }: BioWay,
): BioCall | undefined {
  const accessor = symbols.get("BIO_f_ssl");
  const table = accessor && tableOf(code, accessor.address);
  const method = table && pointerAt(elf, table + slot);
  const flow = method && flowOf(code, method, METHOD_BYTES);
  const [some, same] = beside.map((name) => flowOfSymbol(code, symbols.get(name)));
  if (!flow || !some || !same) return undefined;
  const calls = callsOf(some);
  const inner = [...callsOf(same)].filter(([target, step]) => calls.has(target) && isLikeCaller(same, step));
  const found = [...flow.steps.values()].filter((step) =>
    inner.some(([target]) => target === targetOf(step))
  );
  const [step] = found;
  const depth = step && depthsOf(flow).get(step.address);
  if (found.length !== 1 || depth === undefined) return undefined;
  return { address: step.address, behind: step.address + step.instruction.length, depth };
}

const ARGUMENTS = Register.rdi | Register.rsi | Register.rdx | Register.rcx;
const CALL = 0xe8;
/** LEA RAX, [RIP + displacement] */
const LEA = 0x8d;
const WIDE = 0x48;
const RAX_FROM_PLACE = 0x05;

function flowOfSymbol(code: CodeSource, symbol: FunctionSymbol | undefined): Flow | undefined {
  return symbol && flowOf(code, symbol.address, symbol.size);
}

/** Where the function answers that its table is: its first instruction but for ENDBR64 says so. */
function tableOf(code: CodeSource, start: number): number | undefined {
  for (let address = start, left = 2; left > 0; left--) {
    const instruction = decode(code.at(address), 0);
    if (instruction === undefined) return undefined;
    address += instruction.length;
    const { map, opcode, rex, modrm, displacement } = instruction;
    const isAnswer = map === 0 && opcode === LEA && rex === WIDE && modrm === RAX_FROM_PLACE;
    if (isAnswer) return address + displacement;
  }
  return undefined;
}

/** Where an instruction calls, if it says so itself. */
function targetOf({ address, instruction: { map, opcode, isVector, length, immediate } }: Step) {
  return map === 0 && !isVector && opcode === CALL ? address + length + immediate : undefined;
}

/** Functions that a function calls, by one of the instructions that do. */
function callsOf(flow: Flow | undefined): Map<number, Step> {
  const calls = new Map<number, Step>();
  for (const step of flow?.steps.values() ?? []) {
    const target = targetOf(step);
    if (target !== undefined) calls.set(target, step);
  }
  return calls;
}

/** Whether a call passes on the arguments that its function was called with. */
function isLikeCaller({ steps }: Flow, call: Step): boolean {
  return [...steps.values()].every(({ address, instruction }) =>
    address >= call.address || (writtenBy(instruction) & ARGUMENTS) === 0
  );
}

/** How far the stack pointer is from the return address before each step that it is known of. A call leaves it where it was. */
function depthsOf({ start, steps }: Flow): Map<number, number> {
  const depths = new Map<number, number>();
  const open: [number, number][] = [[start, 0]];
  for (let next; (next = open.pop()) !== undefined;) {
    const [address, depth] = next;
    if (depths.has(address)) continue;
    depths.set(address, depth);
    const step = steps.get(address)!;
    const move = targetOf(step) === undefined ? stackMove(step.instruction) : 0;
    if (move !== undefined) { for (const way of step.next) open.push([way, depth - move]); }
  }
  return depths;
}
