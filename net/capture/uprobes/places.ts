// SPDX-License-Identifier: MIT
/** Where in a library's file its probes go. Pure. @module */
import { returnsIn } from "./arm64.ts";
import type { BioCalls } from "./bio_calls.ts";
import type { Code } from "../../elf/code.ts";
import type { FunctionSymbol } from "../../elf/symbols.ts";
import { cookieOf, FUNCTION } from "./layout.ts";
import type { TlsLibrary } from "./libraries.ts";
import type { Place, ProbePlaces } from "./loader.ts";
import type { Machine } from "./machine.ts";
import { EXITS_MAX, goSitesOf, sitesOf } from "./sites.ts";
import { FUNCTION_BYTES_MAX } from "./x86/flow.ts";
import { Register } from "./x86/registers.ts";

const ARGUMENTS = Register.rdi | Register.rsi | Register.rdx;
const GO_ARGUMENTS = Register.rax | Register.rbx | Register.rcx;

const MET_AT_RETURN: readonly number[] = [FUNCTION.call, FUNCTION.made, FUNCTION.madeAt, FUNCTION.quiet];

/** Places of a file by how they are met, as they are gathered. */
type Gathered = { -readonly [Kind in keyof ProbePlaces]: Place[] };

/** Where the probes of a library go; `number` is that of the library in the probes' map. */
export function placesIn(
  code: Code,
  symbols: ReadonlyMap<string, FunctionSymbol>,
  { functions }: TlsLibrary,
  number: number,
  machine: Machine,
): ProbePlaces {
  const places: Gathered = { begins: [], ends: [], returns: [] };
  for (const [name, does] of Object.entries(functions)) {
    const symbol = symbols.get(name);
    if (symbol === undefined || code.offsetOf(symbol.address) === undefined) continue;
    const add = (kind: keyof ProbePlaces, address: number, depth: number) =>
      places[kind].push({ offset: code.offsetOf(address)!, cookie: cookieOf(number, does, depth) });
    const kind = does & FUNCTION.mask;
    if ((does & FUNCTION.go) !== 0) {
      if (machine.isCodeRead) addGo(code, symbol, kind, add);
      else addPlainGo(code, symbol, kind, add);
      continue;
    }
    if (kind === FUNCTION.call && machine.isCodeRead) {
      addCall(code, symbol, does, machine, add);
      continue;
    }
    if (MET_AT_RETURN.includes(kind) && !machine.hasReturnProbes) continue;
    if (kind !== FUNCTION.made) add("begins", symbol.address, machine.callDepth);
    if (MET_AT_RETURN.includes(kind)) add("returns", symbol.address, 0);
  }
  return places;
}

/** The same with the calls that OpenSSL's BIO makes. */
export function withBioCalls(
  places: ProbePlaces,
  code: Code,
  { reads, writes }: BioCalls,
  number: number,
  { callDepth }: Machine,
): ProbePlaces {
  const { call, countBehind } = FUNCTION;
  const calls = [[reads, call | FUNCTION.reads | countBehind], [writes, call | countBehind]] as const;
  const placeAt = (address: number, does: number, depth: number) => ({
    offset: code.offsetOf(address)!,
    cookie: cookieOf(number, does, depth + callDepth),
  });
  return {
    ...places,
    begins: [...places.begins, ...calls.map(([{ address, depth }, does]) => placeAt(address, does, depth))],
    ends: [...places.ends, ...calls.map(([{ behind, depth }, does]) => placeAt(behind, does, depth))],
  };
}

/** A call that passes bytes is met at both ends or not at all, at the cheapest places that are known to be passed by each. */
function addCall(
  code: Code,
  symbol: FunctionSymbol,
  does: number,
  { callDepth, hasReturnProbes, hasCallProbes }: Machine,
  add: (kind: keyof ProbePlaces, address: number, depth: number) => void,
): void {
  const fourth = (does & (FUNCTION.countBehind | FUNCTION.peeks)) !== 0 ? Register.rcx : 0;
  const { entry, exits } = sitesOf(code, symbol, ARGUMENTS | fourth, hasCallProbes);
  if (exits === undefined && !hasReturnProbes) return;
  add("begins", entry.address, entry.depth + callDepth);
  if (exits === undefined) add("returns", symbol.address, 0);
  else for (const { address, depth } of exits) add("ends", address, depth + callDepth);
}

/** A function of Go is met where it begins, a call that passes bytes at its returns too; neither where these are not known. */
function addGo(
  code: Code,
  symbol: FunctionSymbol,
  kind: number,
  add: (kind: keyof ProbePlaces, address: number, depth: number) => void,
): void {
  const sites = goSitesOf(code, symbol, GO_ARGUMENTS);
  if (sites === undefined) return;
  add("begins", sites.entry.address, 0);
  if (kind === FUNCTION.call) { for (const { address } of sites.exits) add("ends", address, 0); }
}

/** The same where code is not read. */
function addPlainGo(
  code: Code,
  { address, size }: FunctionSymbol,
  kind: number,
  add: (kind: keyof ProbePlaces, address: number, depth: number) => void,
): void {
  const returns = kind === FUNCTION.call ? returnsIn(code, address, Math.min(size, FUNCTION_BYTES_MAX)) : [];
  if (returns.length > EXITS_MAX || kind === FUNCTION.call && returns.length === 0) return;
  add("begins", address, 0);
  for (const place of returns) add("ends", place, 0);
}
