// SPDX-License-Identifier: MIT
/** Executables for other machines and systems than this one. @module */
import { versionOf } from "../build/base.ts";
import type { Target } from "../build/target.ts";
import { compile, compileBehind } from "../compile.ts";

/** Variables that name a base where Deno cannot download one; it may be of another version, whose Deno npm has. */
const BASES: Readonly<Record<string, string>> = {
  "aarch64-unknown-linux-gnu": "SSLCOLLECTOR_MATRIX_ARM64_BASE",
  "x86_64-pc-windows-msvc": "SSLCOLLECTOR_MATRIX_WINDOWS_BASE",
};

interface Executable {
  /** What is to be known of how it was made, to be put behind its name. */
  readonly note: string;
}

/** Makes the executable for a target; undefined where there is no base for it. */
export async function executableFor(target: Target, output: string): Promise<Executable | undefined> {
  const base = Deno.env.get(BASES[target.name] ?? "");
  if (base === undefined) {
    if (Deno.env.has("DENORT_BIN")) return undefined;
    await compile(target, output);
    return { note: "" };
  }
  const version = versionOf(await Deno.readFile(base));
  await compileBehind(base, ["npx", "-y", `deno@${version}`], target, output);
  return { note: ` (base of Deno ${version})` };
}
