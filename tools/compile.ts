// SPDX-License-Identifier: MIT
/**
 * `deno task compile`: builds the hook and makes `dist/sslcollector` with it embedded. `deno compile` downloads its base
 * executable; where that is out of reach, DENORT_BIN names one.
 *
 * @module
 */
import { buildHook } from "./hook.ts";

/**
 * V8 gives young objects up to 32 MiB before it collects: with 10,000 flows at rest that was most of the agent's memory, and a
 * smaller share costs no throughput, since hot paths allocate next to nothing.
 */
export const V8_FLAGS = "--v8-flags=--max-semi-space-size=4";

/** Makes the binary and returns its path. */
export async function compile(): Promise<string> {
  const hook = await buildHook();
  const root = new URL("..", import.meta.url).pathname;
  const output = `${root}dist/sslcollector`;
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: [
      "compile",
      "--quiet",
      "-A",
      "--no-check",
      V8_FLAGS,
      "--include",
      hook,
      "--include",
      `${root}net/link/transport/worker.ts`,
      "--output",
      output,
      `${root}cli/main.ts`,
    ],
    cwd: root,
    stdout: "inherit",
    stderr: "inherit",
  }).output();
  if (!success) throw new Error("deno compile failed");
  return output;
}

if (import.meta.main) {
  try {
    console.log(await compile());
  } catch (error) {
    console.error(`compile: ${(error as Error).message}`);
    Deno.exit(1);
  }
}
