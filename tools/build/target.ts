// SPDX-License-Identifier: MIT
/** What can be built for, by the names that Rust and Deno have for it. @module */

export interface Target {
  readonly name: string;
  /** How the base executable begins, and with it the one that is made of it. */
  readonly format: "elf" | "pe";
  /** `e_machine` of ELF files, `Machine` of PE files. */
  readonly machine: number;
  /** What the cross compiler's programs begin with on other machines (`aarch64-linux-gnu-gcc`); none for Windows, which has no hook. */
  readonly toolPrefix?: string;
  /** Debian's package of that cross compiler. */
  readonly crossPackage?: string;
}

const TARGETS: readonly Target[] = [
  {
    name: "x86_64-unknown-linux-gnu",
    format: "elf",
    machine: 62,
    toolPrefix: "x86_64-linux-gnu-",
    crossPackage: "gcc-x86-64-linux-gnu",
  },
  {
    name: "aarch64-unknown-linux-gnu",
    format: "elf",
    machine: 183,
    toolPrefix: "aarch64-linux-gnu-",
    crossPackage: "gcc-aarch64-linux-gnu",
  },
  { name: "x86_64-pc-windows-msvc", format: "pe", machine: 0x8664 },
];

/** Throws a `RangeError` of one line at a name that is none of them. */
export function targetOf(name: string): Target {
  const target = TARGETS.find((target) => target.name === name);
  if (target === undefined) {
    const names = TARGETS.map(({ name }) => name).join(", ");
    throw new RangeError(`there is no target ${JSON.stringify(name)}: one of ${names}`);
  }
  return target;
}

/** This machine's. */
export function ownTarget(): Target {
  return targetOf(Deno.build.target);
}

/** A program of the compiler's for a target: this machine's own for its own target. */
export function toolFor({ name, toolPrefix = "" }: Target, own: string, cross: string): string {
  return name === Deno.build.target ? own : toolPrefix + cross;
}

/** What a file is for, and the machine by its number; `undefined` where it is neither an ELF nor a PE file. */
export function formatOf(file: Uint8Array): Pick<Target, "format" | "machine"> | undefined {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  if (file.length >= 20 && view.getUint32(0) === 0x7f454c46) {
    return { format: "elf", machine: view.getUint16(18, true) };
  }
  if (file.length < 64 || view.getUint16(0) !== 0x4d5a) return undefined;
  const header = view.getUint32(60, true);
  if (header + 6 > file.length || view.getUint32(header) !== 0x50450000) return undefined;
  return { format: "pe", machine: view.getUint16(header + 4, true) };
}

/** Whether a file is for a target. */
export function isFor(file: Uint8Array, { format, machine }: Target): boolean {
  const found = formatOf(file);
  return found?.format === format && found.machine === machine;
}
