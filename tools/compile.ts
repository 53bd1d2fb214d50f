// SPDX-License-Identifier: MIT
/**
 * `deno task compile [TARGET…]`: the program as one executable with the hook embedded, `dist/sslcollector`, or for another
 * target than this machine's own `dist/TARGET/sslcollector`. Deno downloads the base of the executable; where that is out of reach,
 * DENORT_BIN names one. Builds of the same sources are identical, wherever the checkout is.
 *
 * @module
 */
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { placeBase } from "./build/base.ts";
import { bundleParts } from "./build/bundle.ts";
import { ownTarget, type Target, targetOf } from "./build/target.ts";
import { buildHook } from "./hook.ts";
import { buildProbes } from "./probes.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

/**
 * V8 gives young objects up to 32 MiB before it collects: with 10,000 flows at rest that was most of the agent's memory, and a
 * smaller share costs no throughput, since hot paths allocate next to nothing.
 */
export const V8_FLAGS = "--v8-flags=--max-semi-space-size=4";

/** The agent reads /proc and /sys of other processes, which Deno allows only to whom it allows everything. */
const ALLOW_ON_LINUX = ["--allow-all"];
/** Collector and replay: no programs are started. */
const ALLOW_ON_WINDOWS = [
  ...["--no-prompt", "--allow-read", "--allow-write", "--allow-net", "--allow-env", "--allow-sys"],
  ...["--allow-ffi", "--deny-import"],
];

/** Makes the executable and returns its path; a file that is there stays whole until the new one is. Throws an Error of one line. */
export async function compile(target: Target = ownTarget(), output = outputOf(target)): Promise<string> {
  await checkTypes();
  return await build(target, output, [Deno.execPath()], (folder) => placeBase(target, folder));
}

/** The same behind a base of another version of Deno, which `command` runs: for a look at whether it starts. */
export function compileBehind(
  base: string,
  command: readonly string[],
  target: Target,
  output: string,
): Promise<string> {
  return build(target, output, command, () => Promise.resolve(base));
}

async function build(
  target: Target,
  output: string,
  command: readonly string[],
  baseIn: (folder: string) => Promise<string>,
): Promise<string> {
  const folder = await Deno.makeTempDir({ prefix: "sslcollector-compile-" });
  try {
    const base = await baseIn(folder);
    const { main, files } = await bundleParts(folder);
    const included = [...files, ...await placeHook(target, folder), ...await placeProbes(target, folder)];
    // The executable has the times of what it was made of.
    for (const path of [main, ...included]) await Deno.utime(`${folder}/${path}`, 0, 0);
    await deno(
      [
        ...command,
        ...["compile", "--quiet", "--no-check", "--no-config", "--target", target.name],
        // The cache would be a file in /tmp of a name that everybody knows, whose code the program runs.
        "--no-code-cache",
        ...(target.format === "pe" ? ALLOW_ON_WINDOWS : ALLOW_ON_LINUX),
        V8_FLAGS,
        ...included.flatMap((path) => ["--include", path]),
        ...["--output", "sslcollector", main],
      ],
      { cwd: folder, env: { DENORT_BIN: base } },
    );
    const suffix = target.format === "pe" ? ".exe" : "";
    await place(`${folder}/sslcollector${suffix}`, output);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
  return output;
}

function outputOf({ name, format }: Target): string {
  const folder = name === Deno.build.target ? "" : `${name}/`;
  return `${ROOT}dist/${folder}sslcollector${format === "pe" ? ".exe" : ""}`;
}

async function checkTypes(): Promise<void> {
  const entries = ["cli/main.ts", "net/link/transport/worker.ts", "net/page/browser/main.ts"];
  await deno([Deno.execPath(), "check", "--quiet", ...entries], { cwd: ROOT });
}

/** The hook where the program looks for it; Windows has none. */
async function placeHook(target: Target, folder: string): Promise<string[]> {
  if (target.format === "pe") return [];
  const path = "dist/libsslcollector_hook.so";
  const library = await buildHook(target);
  await Deno.copyFile(library, `${folder}/${path}`);
  return [path];
}

/** The kernel probes beside it, where they can be built. */
async function placeProbes(target: Target, folder: string): Promise<string[]> {
  if (target.format === "pe") return [];
  const path = "dist/sslcollector_probes.o";
  try {
    await Deno.copyFile(await buildProbes(target), `${folder}/${path}`);
    return [path];
  } catch (error) {
    console.error(`compile: without kernel probes: ${(error as Error).message}`);
    return [];
  }
}

/** In place of a file that may be running, and perhaps on another file system. */
async function place(from: string, to: string): Promise<void> {
  await Deno.mkdir(dirname(to), { recursive: true });
  const partial = `${to}.${crypto.randomUUID()}`;
  await Deno.copyFile(from, partial);
  await Deno.rename(partial, to);
}

/** Runs Deno, which says itself what is wrong. */
async function deno(
  [program, ...args]: string[],
  options: { cwd: string; env?: Record<string, string> },
): Promise<void> {
  const { success } = await new Deno.Command(program, {
    args,
    ...options,
    stdin: "null",
    stdout: "inherit",
    stderr: "inherit",
  }).output();
  if (!success) throw new Error(`deno ${args.find((word) => /^(check|compile)$/.test(word))} failed`);
}

if (import.meta.main) {
  try {
    const targets = Deno.args.length > 0 ? Deno.args.map(targetOf) : [ownTarget()];
    for (const target of targets) console.log(await compile(target));
  } catch (error) {
    console.error(`compile: ${(error as Error).message}`);
    Deno.exit(1);
  }
}
