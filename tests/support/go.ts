// SPDX-License-Identifier: MIT
/** Programs of Go. @module */
import { missing, runOk } from "./run.ts";
import { noFile, type Reason } from "./skip.ts";

/** Of Debian 12: later ones come without what programs are linked with, and would have to build it first. */
const COMPILED_PACKAGES = "/usr/lib/go-1.19/pkg/linux_amd64";

/** Why none can be compiled here within a second. */
export function goMissing(): Reason {
  return noFile(COMPILED_PACKAGES) ?? missing("go");
}

/** Compiles one file and links it, with flags of Go's linker. */
export async function buildGo(source: string, program: string, flags: readonly string[] = []): Promise<void> {
  await runOk("go", "tool", "compile", "-p", "main", "-o", `${program}.o`, source);
  await runOk("go", "tool", "link", ...flags, "-o", program, `${program}.o`);
}
