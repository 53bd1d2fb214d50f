// SPDX-License-Identifier: MIT
/** What binutils says of a file's code. @module */
import { runOk } from "../../../../support/run.ts";

/** A line of objdump: an instruction, or a byte that it could not read as one. */
export interface ListedInstruction {
  readonly address: number;
  /** Mnemonic and operands in AT&T's syntax. */
  readonly text: string;
  /** Bytes up to the next line; undefined: it is the last one of its section. */
  readonly length: number | undefined;
}

/** All instructions of `path`, in the order of the file. */
export async function disassembled(path: string): Promise<ListedInstruction[]> {
  const listed = await runOk("objdump", "-d", "-z", "-w", "--no-show-raw-insn", path);
  const instructions: ListedInstruction[] = [];
  for (const section of listed.split("\nDisassembly of section ")) {
    const lines = section.split("\n").flatMap((line) => {
      const colon = line.indexOf(":\t");
      return colon < 0 ? [] : [{ address: parseInt(line.slice(0, colon), 16), text: line.slice(colon + 2) }];
    });
    lines.forEach(({ address, text }, number) => {
      const next = lines[number + 1]?.address;
      instructions.push({ address, text: text.trimEnd(), length: next && next - address });
    });
  }
  return instructions;
}

const PREFIX = "(?:rex(?:\\.\\w+)?|data16|addr32|lock|repn?z|[c-gs]s)";
/** Bytes that make no instruction, or prefixes without one. */
const DATA = new RegExp(`^[^a-z(]|\\(bad\\)|^\\.byte|^${PREFIX}(?: ${PREFIX})*$`);

/** Whether objdump itself found no instruction there, but data among the code. */
export function isData(text: string): boolean {
  return DATA.test(text);
}
