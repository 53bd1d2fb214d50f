// SPDX-License-Identifier: MIT
/** The machine of this process, which is looked at when this is imported. @module */
import { type Machine, machineOf } from "./machine.ts";

/** Undefined: none that is probed. */
export const OWN_MACHINE: Machine | undefined = machineOf(
  Deno.build.arch,
  Deno.osRelease(),
  firstProcessor(),
);

/** How `/proc/cpuinfo` begins: with the first processor. */
function firstProcessor(): string {
  try {
    using file = Deno.openSync("/proc/cpuinfo");
    const bytes = new Uint8Array(8 << 10);
    return new TextDecoder().decode(bytes.subarray(0, file.readSync(bytes) ?? 0));
  } catch {
    return "";
  }
}
