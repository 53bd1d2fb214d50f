// SPDX-License-Identifier: MIT
/** The base executable of `deno compile`: named by DENORT_BIN, kept by Deno, or downloaded by it. @module */
import type { Reason } from "../../support/skip.ts";
import { isFile } from "../../../net/ffi/stat.ts";

const PATH = `release/v${Deno.version.deno}/denort-${Deno.build.target}.zip`;
/** A network that does not answer must not hold up every test file. */
const PATIENCE_MS = 5000;
/** The answer of the first test file that asked; all of a run share the environment. */
const KNOWN = "TEST_NO_DENORT";

/** The reason to skip what needs an executable of its own, when there is no base for it. */
export async function baseMissing(): Promise<Reason> {
  let known = Deno.env.get(KNOWN);
  if (known === undefined) {
    known = await lookForBase() ?? "";
    Deno.env.set(KNOWN, known);
  }
  return known || undefined;
}

async function lookForBase(): Promise<Reason> {
  const named = Deno.env.get("DENORT_BIN");
  if (named) {
    return isFile(named) ? undefined : `no base for deno compile: DENORT_BIN names no file: ${named}`;
  }
  if (isFile(`${denoDirectory()}/dl/${PATH}`)) return undefined;
  try {
    const signal = AbortSignal.timeout(PATIENCE_MS);
    const { ok, status } = await fetch(`https://dl.deno.land/${PATH}`, { method: "HEAD", signal });
    return ok
      ? undefined
      : `no base for deno compile: dl.deno.land answers ${status}, and DENORT_BIN is not set`;
  } catch {
    return "no base for deno compile: dl.deno.land is out of reach, and DENORT_BIN is not set";
  }
}

/** Where Deno of this environment keeps what it has loaded. */
export function denoDirectory(): string {
  const { DENO_DIR, XDG_CACHE_HOME, HOME } = Deno.env.toObject();
  return DENO_DIR ?? `${XDG_CACHE_HOME ?? `${HOME}/.cache`}/deno`;
}
