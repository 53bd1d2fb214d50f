// SPDX-License-Identifier: MIT
/**
 * Where a function of x86-64 is probed for least. The kernel emulates some instructions at a probe and runs the others in single
 * steps, which is several times dearer; so not the first instruction is probed but one of the former that every call passes once, with
 * the arguments still in their registers, and one before each return, with the result in its register. Pure.
 *
 * @module
 */
import { type CodeSource, type Flow, flowOf, jumpOf, reachable, returnsOf, type Step } from "./x86/flow.ts";
import { type Instruction, Prefix } from "./x86/instruction.ts";
import { Register, stackMove, writtenBy } from "./x86/registers.ts";

/** An instruction to be probed. */
export interface Site {
  /** As linked. */
  readonly address: number;
  readonly kind: SiteKind;
  /** Bytes on the stack, where the probe is hit, above the stack pointer and below the return address. */
  readonly depth: number;
}

/** What the kernel does with an instruction (arch/x86/kernel/uprobes.c): all but `stepped` are emulated, `nop5` by Linux 6.18 and later. */
export type SiteKind = "nop5" | "push" | "jump" | "call" | "stepped";

export interface Sites {
  readonly entry: Site;
  /** Each return passes one; undefined: by a return probe, with `entry` at the function's first instruction. */
  readonly exits: readonly Site[] | undefined;
}

/** Where a function lies, as linked. */
export interface FunctionPlace {
  readonly address: number;
  /** Bytes. */
  readonly size: number;
}

/** What a hit costs, of which only the ratios count. */
const COSTS: Readonly<Record<SiteKind, number>> = { nop5: 1, push: 1.5, jump: 1.5, call: 2, stepped: 8 };
/** Where the stack pointer is farther from the return address, no site is looked for. */
export const DEPTH_MAX = 32 << 10;
/** The entry of a function is looked for in so many of its first instructions, and its exits where it has no more returns than these. */
const LINE_MAX = 64;
export const EXITS_MAX = 64;
/** Of a return probe, above that of its entry. */
const RETURN_PROBE_COST = 2;

/**
 * The sites of a function that answers in RAX.
 *
 * @param kept set of {@linkcode Register}: those with the arguments that a probe reads
 * @param hasCalls an instruction that calls may be probed
 */
export function sitesOf(code: CodeSource, place: FunctionPlace, kept: number, hasCalls = true): Sites {
  const flow = flowOf(code, place.address, place.size);
  if (flow === undefined) return { entry: unread(place.address), exits: undefined };
  const entry = entryOf(flow, kept, { hasCalls });
  const exits = exitsOf(flow);
  const first = siteAt(flow.steps.get(flow.start)!, 0);
  const dearest = Math.max(...(exits ?? []).map(({ kind }) => COSTS[kind]));
  const isCheaper = exits !== undefined &&
    COSTS[entry.kind] + dearest <= COSTS[first.kind] + RETURN_PROBE_COST;
  return isCheaper ? { entry, exits } : { entry: first, exits: undefined };
}

/** Sites of a function all of whose returns are probed. */
export interface GoSites {
  readonly entry: Site;
  readonly exits: readonly Site[];
}

/** What functions of Go begin with that look whether their stack has room: CMP RSP, [R14 + 16] and LEA R12, [RSP - n]. */
const GO_BEGINNINGS: readonly (readonly number[])[] = [
  [0x49, 0x3b, 0x66, 0x10],
  [0x4c, 0x8d, 0x64, 0x24],
  [0x4c, 0x8d, 0xa4, 0x24],
];

/**
 * The sites of a function of Go, whose stack moves, so that a return probe would break the program: all its returns are probed.
 * Undefined: they are not known for certain. The entry may be passed once more when the stack grows, with the same arguments.
 *
 * @param kept set of {@linkcode Register}: those with the arguments that a probe reads
 */
export function goSitesOf(code: CodeSource, place: FunctionPlace, kept: number): GoSites | undefined {
  const begun = code.at(place.address);
  const isGo = GO_BEGINNINGS.some((beginning) => beginning.every((byte, at) => begun[at] === byte));
  const flow = isGo ? flowOf(code, place.address, place.size) : undefined;
  const returns = flow && returnsOf(code, flow);
  if (flow === undefined || returns === undefined) return undefined;
  if (returns.length === 0 || returns.length > EXITS_MAX) return undefined;
  const once = entryOf(flow, kept, { hasCalls: false });
  const again = { hasCalls: false, restart: flow.start };
  const entry = once.kind === "stepped" ? entryOf(flow, kept, again) : once;
  return { entry, exits: returns.map(unread) };
}

/** The site at an instruction that is taken for one that the kernel does not emulate. */
function unread(address: number): Site {
  return { address, kind: "stepped", depth: 0 };
}

function siteAt({ address, instruction }: Step, depth: number): Site {
  return { address, kind: kindOf(instruction), depth };
}

/** The kernel refuses branches with an operand-size prefix, and knows PUSH with no prefix but REX.B. */
function kindOf(instruction: Instruction): SiteKind {
  const { map, opcode, prefixes, rex, length, isVector } = instruction;
  if (isVector || (prefixes & (Prefix.operandSize | Prefix.lock)) !== 0) return "stepped";
  const isPush = map === 0 && (opcode & 0xf8) === 0x50;
  if (isPush) return length === 1 || length === 2 && rex === 0x41 ? "push" : "stepped";
  if (map === 0 && opcode === 0xe8) return "call";
  if (map === 1 && opcode === 0x1f && length === 5) return "nop5";
  const isLoop = map === 0 && opcode >= 0xe0 && opcode <= 0xe3;
  return jumpOf(instruction) !== undefined && !isLoop ? "jump" : "stepped";
}

/**
 * The cheapest instruction that each call passes before it changes an argument, the first of several. It is passed once, but for
 * what comes to it again by way of `restart`.
 */
function entryOf(
  flow: Flow,
  kept: number,
  { hasCalls, restart }: { readonly hasCalls: boolean; readonly restart?: number },
): Site {
  let best = siteAt(flow.steps.get(flow.start)!, 0);
  // One way of a table may lead anywhere in the function.
  if (endsOf(flow, flow.steps.keys()).has("away")) return best;
  for (const { step, depth } of straightLine(flow)) {
    const site = siteAt(step, depth);
    const isRepeated = () => reachable(flow, step.next, restart).has(step.address);
    const isAllowed = hasCalls || site.kind !== "call";
    if (isAllowed && COSTS[site.kind] < COSTS[best.kind] && !isRepeated()) best = site;
    if ((writtenBy(step.instruction) & kept) !== 0) break;
  }
  return best;
}

/** The steps of the function that all calls make alike, from the first on, while it is known where the stack pointer is. */
function* straightLine(flow: Flow): Generator<{ step: Step; depth: number }> {
  const seen = new Set<number>();
  let depth = 0;
  for (let address: number | undefined = flow.start; address !== undefined;) {
    const isNew = address >= flow.start && address < flow.end && !seen.has(address);
    if (!isNew || depth > DEPTH_MAX || seen.size === LINE_MAX) return;
    seen.add(address);
    const step: Step = flow.steps.get(address)!;
    yield { step, depth };
    const move = stackMove(step.instruction);
    if (move === undefined) return;
    depth -= move;
    const ways: readonly number[] = step.next.length < 2
      ? step.next
      : step.next.filter((way) => canEnd(flow, way));
    address = ways.length === 1 ? ways[0] : undefined;
  }
}

/** Whether the function can end from here: else it begins anew, as Go's do once the stack has grown, or the program is stopped. */
function canEnd(flow: Flow, from: number): boolean {
  const ends = endsOf(flow, reachable(flow, [from], flow.start));
  return ends.has("return") || ends.has("away");
}

function endsOf(flow: Flow, addresses: Iterable<number>) {
  return new Set([...addresses].map((address) => flow.steps.get(address)!.end));
}

/** One site for each return; undefined: some are elsewhere, or not known. */
function exitsOf(flow: Flow): Site[] | undefined {
  const returns = [...flow.steps.values()].filter(({ end }) => end === "return" || end === "away");
  const areKnown = returns.every(({ address, end }) =>
    end === "return" && address >= flow.start && address < flow.end
  );
  if (!areKnown || returns.length > EXITS_MAX) return undefined;
  const ways = new Ways(flow);
  return returns.map((step) => checkBefore(flow, step, ways) ?? siteAt(step, 0));
}

/** How steps are come to. */
class Ways {
  /** By address, the step that it stands behind and that can go on there. */
  readonly before = new Map<number, Step>();
  /** Where jumps go. */
  readonly jumpedTo = new Set<number>();

  constructor({ steps }: Flow) {
    for (const step of steps.values()) {
      const behind = step.address + step.instruction.length;
      if (jumpOf(step.instruction) !== undefined) this.jumpedTo.add(behind + step.instruction.immediate);
      if (step.next[0] === behind) this.before.set(behind, step);
    }
  }
}

/** The conditional jump of a stack check, or one like it: one way leads to this return only, the other to no return, and RAX has the result. */
function checkBefore(flow: Flow, last: Step, { before, jumpedTo }: Ways): Site | undefined {
  let depth = 0;
  for (let step = last; !jumpedTo.has(step.address);) {
    const previous = before.get(step.address);
    if (previous === undefined) return undefined;
    if (kindOf(previous.instruction) === "jump") {
      const isCheck = depth <= DEPTH_MAX && !canEnd(flow, previous.next[1]);
      return isCheck ? siteAt(previous, depth) : undefined;
    }
    const move = stackMove(previous.instruction);
    if (move === undefined || (writtenBy(previous.instruction) & Register.rax) !== 0) return undefined;
    depth += move;
    step = previous;
  }
  return undefined;
}
