// SPDX-License-Identifier: MIT
/** What a file says of a library's probes. The file may be any user's, and made to be hard to look through. Pure. @module */
import { bioCalls } from "./bio_calls.ts";
import { Code } from "../../elf/code.ts";
import { type ElfFile, openElf, type ReadAt, SectionType } from "../../elf/elf_file.ts";
import { goFunctions } from "../../elf/go_functions.ts";
import { definedFunctions, type FunctionSymbol } from "../../elf/symbols.ts";
import { type CodeOf, isForwarded as isForwardedX86, type SessionFacts } from "./accessors.ts";
import { isForwarded as isForwardedArm64 } from "./arm64.ts";
import type { TlsLibrary } from "./libraries.ts";
import type { ProbePlaces } from "./loader.ts";
import type { Machine } from "./machine.ts";
import { OWN_MACHINE } from "./own_machine.ts";
import { placesIn, withBioCalls } from "./places.ts";

/** A file that has no such library in it. */
export class OtherFile extends Error {}

/** The agent does nothing else meanwhile. Debian's node takes 17 MB, programs of Go take up to a third of their size. */
const READ_BYTES_MAX = 96 << 20;

/** Reads what a file of `size` bytes has; what is read in all is bounded, and told to `onRead`. */
export function boundedReader(read: ReadAt, size: number, onRead: (bytes: number) => void): ReadAt {
  let left = READ_BYTES_MAX;
  return (offset, length) => {
    const there = Math.max(0, Math.min(length, size - offset));
    left -= there;
    if (left < 0) throw new OtherFile("it has too much to look through");
    onRead(there);
    return read(there === 0 ? 0 : offset, there);
  };
}

/** What is looked at of an accessor. */
const CODE_BYTES = 96;

/** A symbol table of an executable may have tens of megabytes, and the agent does nothing else while it is read: that of what it exports does. */
const TABLE_BYTES_MAX = 4 << 20;

/** What was found. */
export interface Look {
  readonly places: ProbePlaces;
  readonly facts: SessionFacts;
}

/**
 * Where a library's probes go in a file, and what is known of its sessions. Throws an Error that says why there are none, {@linkcode OtherFile}
 * where the file has no such library.
 */
export function lookThrough(
  read: ReadAt,
  library: TlsLibrary,
  number: number,
  machine: Machine | undefined = OWN_MACHINE,
): Look {
  const elf = withoutLargeTables(openElf(read));
  // An emulator maps programs of other machines too: a probe would change their code.
  if (elf === undefined || elf.machine !== machine?.elf) {
    throw new OtherFile("it is no ELF file of this machine's kind");
  }
  const names = [...Object.keys(library.functions), ...library.accessors];
  const symbols = library.isGo
    ? goFunctions(elf, names) ?? new Map<string, FunctionSymbol>()
    : definedFunctions(elf, names);
  if (!Object.keys(library.functions).some((name) => symbols.has(name))) {
    throw new OtherFile("it has none of the library's functions");
  }
  const code = new Code(elf);
  const codeOf: CodeOf = (name) => {
    const symbol = symbols.get(name);
    return symbol && code.at(symbol.address).subarray(0, Math.min(symbol.size, CODE_BYTES));
  };
  const facts = machine.isCodeRead ? library.facts(codeOf) : factsWithoutCode(library);
  if (facts.role === undefined && !facts.roleByHello) {
    throw new Error("it is not known how its sessions tell servers from clients");
  }
  leaveForwarded(symbols, (name) => isForwarded(name, machine, codeOf), library);
  const places = placesIn(code, symbols, library, number, machine);
  if (places.ends.length + places.returns.length === 0) {
    throw new Error(
      machine.hasReturnProbes
        ? "it has none of the functions that pass bytes"
        : "that takes return probes, with which this kernel may end programs under a seccomp filter",
    );
  }
  const bio = machine.isCodeRead && machine.hasCallProbes ? bioCalls(elf, code, symbols) : undefined;
  return { places: bio ? withBioCalls(places, code, bio, number, machine) : places, facts };
}

function withoutLargeTables(elf: ElfFile | undefined): ElfFile | undefined {
  const sections = elf?.sections.map((section) =>
    section.type === SectionType.symbols && section.size > TABLE_BYTES_MAX
      ? { ...section, type: SectionType.absent }
      : section
  );
  return elf && { ...elf, sections: sections! };
}

/** What is known of a library's sessions without reading its code: where nothing else says it, the server is who received the ClientHello. */
function factsWithoutCode(library: TlsLibrary): SessionFacts {
  const facts = library.facts(() => undefined);
  return facts.role === undefined ? { ...facts, roleByHello: true } : facts;
}

function isForwarded(name: string, { isCodeRead }: Machine, codeOf: CodeOf): boolean {
  return isCodeRead ? isForwardedX86(codeOf(name)) : isForwardedArm64(codeOf(name));
}

/** Of functions that may lead to each other, leaves the one that all calls pass once. */
function leaveForwarded(
  symbols: Map<string, FunctionSymbol>,
  isForwarded: (name: string) => boolean,
  { forwarded = {} }: TlsLibrary,
): void {
  for (const [from, to] of Object.entries(forwarded)) {
    if (symbols.has(from) && symbols.has(to)) symbols.delete(isForwarded(from) ? from : to);
  }
}
