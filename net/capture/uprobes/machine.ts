// SPDX-License-Identifier: MIT
/** What the processors are like that programs are probed on. Pure. @module */
import { ARM64, X86_64 } from "../../elf/elf_file.ts";

export interface Machine {
  /** Of an ELF file. */
  readonly elf: number;
  /** Bytes that a call puts on the stack, and its return takes away. */
  readonly callDepth: number;
  /** Its code is read: to find sites that cost little, and what functions answer. Else functions are met where they begin and return. */
  readonly isCodeRead: boolean;
}

export const MACHINES: Readonly<Record<string, Machine>> = {
  x86_64: { elf: X86_64, callDepth: 8, isCodeRead: true },
  // The return address is in a register.
  aarch64: { elf: ARM64, callDepth: 0, isCodeRead: false },
};

/** That of this process; undefined: none that is probed. */
export const OWN_MACHINE: Machine | undefined = MACHINES[Deno.build.arch];
