// SPDX-License-Identifier: MIT
/** What the processors are like that programs are probed on. Pure. @module */
import { ARM64, X86_64 } from "../../elf/elf_file.ts";
import { areCallsHarmless } from "./call_probes.ts";
import { areReturnsHarmless } from "./return_probes.ts";

export interface Machine {
  /** Of an ELF file. */
  readonly elf: number;
  /** Bytes that a call puts on the stack, and its return takes away. */
  readonly callDepth: number;
  /** Its code is read: to find sites that cost little, and what functions answer. Else functions are met where they begin and return. */
  readonly isCodeRead: boolean;
  /** Functions may be probed where they return. */
  readonly hasReturnProbes: boolean;
  /** Instructions that call may be probed. */
  readonly hasCallProbes: boolean;
}

export const MACHINES: Readonly<Record<string, Machine>> = {
  x86_64: { elf: X86_64, callDepth: 8, isCodeRead: true, hasReturnProbes: true, hasCallProbes: true },
  // The return address is in a register.
  aarch64: { elf: ARM64, callDepth: 0, isCodeRead: false, hasReturnProbes: true, hasCallProbes: false },
};

/** One of these with a kernel of that release, and processors that `/proc/cpuinfo` begins so with; undefined: none that is probed. */
export function machineOf(architecture: string, release: string, processors = ""): Machine | undefined {
  const machine = MACHINES[architecture];
  if (machine !== MACHINES.x86_64) return machine;
  return {
    ...machine,
    hasReturnProbes: areReturnsHarmless(release),
    hasCallProbes: areCallsHarmless(release, processors),
  };
}
