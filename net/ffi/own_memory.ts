// SPDX-License-Identifier: MIT
/** The memory of this process. @module */
import { libc } from "./libc.ts";
import { IS_LINUX } from "./platform.ts";

/** By when all that a start does is done, the compiling of what it has run included. */
const STARTED_MS = 2000;
const MADV_DONTNEED = 4;

/**
 * Gives back once what only the start has needed: what it has left free in malloc's heap, 10 of 87 MB of an agent at rest, and the
 * executable's pages, 40 MB. Keeps nobody from ending.
 */
export function giveBackAfterStart(): void {
  if (!IS_LINUX) return;
  const giveBack = () => {
    libc().malloc_trim?.(0n);
    for (const { start, end } of codeOfThisProcess()) libc().madvise(start, end - start, MADV_DONTNEED);
  };
  Deno.unrefTimer(setTimeout(giveBack, STARTED_MS));
}

interface Mapping {
  readonly start: bigint;
  readonly end: bigint;
}

function codeOfThisProcess(): Mapping[] {
  try {
    return cleanCode(Deno.readTextFileSync("/proc/self/smaps"), Deno.execPath());
  } catch {
    return []; // No /proc, or not to be read.
  }
}

/**
 * Mappings of code and constants of a program in what /proc/PID/smaps tells. What is not needed of them is in the file, and mapped
 * again when it is run; those in which anything was written, as by a debugger, are left out.
 */
export function cleanCode(smaps: string, path: string): Mapping[] {
  const found: Mapping[] = [];
  for (const mapping of smaps.split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m)) {
    const head = /^([0-9a-f]+)-([0-9a-f]+) (?:r-xp \S+|r--p 0+) \S+ \S+ +(.*)$/m.exec(mapping);
    if (head?.[3] !== path || !/^Anonymous: +0 kB$/m.test(mapping)) continue;
    found.push({ start: BigInt(`0x${head[1]}`), end: BigInt(`0x${head[2]}`) });
  }
  return found;
}
