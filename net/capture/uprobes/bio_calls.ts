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
import { DEPTH_MAX } from "./sites.ts";
import { type CodeSource, type Flow, flowOf, reachable, type Step } from "./x86/flow.ts";
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
  const targets = new Set(callsOf(some).map(({ target }) => target));
  const inner = new Set(callsLike(same).filter((target) => targets.has(target)));
  const found = callsOf(flow).filter(({ target }) => inner.has(target));
  if (inner.size !== 1 || found.length !== 1) return undefined;
  const { step } = found[0];
  // A function that the BIO's goes on with as its last has its probes already.
  if (some.steps.has(step.address) || same.steps.has(step.address)) return undefined;
  const depth = depthsOf(flow).get(step.address);
  if (depth === undefined || depth < 0 || depth > DEPTH_MAX) return undefined;
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

/** The calls of a function, and where each goes. */
function callsOf({ steps }: Flow): { readonly step: Step; readonly target: number }[] {
  return [...steps.values()].flatMap((step) => {
    const target = targetOf(step);
    return target === undefined ? [] : [{ step, target }];
  });
}

/** What a function calls with the arguments that it was called with: on no way to there is one changed. */
function callsLike(flow: Flow): number[] {
  const changing = [...flow.steps.values()].filter(({ instruction }) =>
    (writtenBy(instruction) & ARGUMENTS) !== 0
  );
  const behind = reachable(flow, changing.flatMap(({ next }) => next));
  return callsOf(flow).filter(({ step }) => !behind.has(step.address)).map(({ target }) => target);
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
