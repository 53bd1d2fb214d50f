// SPDX-License-Identifier: MIT
/**
 * Builds the kernel probes, `dist/sslcollector_probes.o`, with clang. They are wanted, not needed: where there is no clang,
 * what is built captures by the hook alone.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { ownTarget, type Target } from "./build/target.ts";

const SOURCES = new URL("../hook/probes/", import.meta.url);
const NAME = "sslcollector_probes.o";
const DIST = new URL("../dist/", import.meta.url);
const EM_BPF = 247;

const FLAGS: readonly string[] = [
  ...[
    "-target",
    "bpf",
    "-mcpu=v3",
    "-std=gnu11",
    "-O2",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-Wno-unused-function",
  ],
  // The types that the kernel wants are made of debug information, which is not to say where it was made.
  ...["-g", "-fdebug-compilation-dir=."],
];

/**
 * Builds the probes if a source is newer than they are, and returns their path; as for the hook, for another target in a folder of its
 * name. Throws an Error of one line when there is no clang, or it fails.
 */
export async function buildProbes(target: Target = ownTarget()): Promise<string> {
  const folder = target.name === Deno.build.target ? DIST : new URL(`${target.name}/`, DIST);
  const path = fileURLToPath(new URL(NAME, folder));
  if (isCurrent(path)) return path;
  await Deno.mkdir(folder, { recursive: true });
  const partial = `${path}.${crypto.randomUUID()}`;
  const begun = new Date();
  try {
    const machine = target.name.startsWith("aarch64") ? "arm64" : "x86";
    await compile([...FLAGS, `-D__TARGET_${machine}`, "-c", "probes.c", "-o", partial]);
    const file = await Deno.readFile(partial);
    if (new DataView(file.buffer).getUint16(18, true) !== EM_BPF) throw new Error("clang made no BPF object");
    await Deno.utime(partial, begun, begun); // a source edited meanwhile is newer
    await Deno.rename(partial, path);
  } finally {
    await Deno.remove(partial).catch(() => {});
  }
  return path;
}

function isCurrent(path: string): boolean {
  const built = modified(path);
  const sources = [...Deno.readDirSync(SOURCES)].map(({ name }) => fileURLToPath(new URL(name, SOURCES)));
  return built !== undefined &&
    [...sources, fileURLToPath(import.meta.url)].every((source) => (modified(source) ?? 0) < built);
}

function modified(path: string): number | undefined {
  try {
    return Deno.statSync(path).mtime?.getTime();
  } catch {
    return undefined;
  }
}

async function compile(args: string[]): Promise<void> {
  let output: Deno.CommandOutput;
  try {
    output = await new Deno.Command("clang", {
      args,
      cwd: fileURLToPath(SOURCES),
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).output();
  } catch (cause) {
    throw new Error("no clang on PATH (Debian: apt-get install clang)", { cause });
  }
  if (output.success) return;
  const lines = new TextDecoder().decode(output.stderr).split("\n");
  throw new Error(`clang cannot build the probes: ${lines.find((line) => /error/.test(line)) ?? lines[0]}`);
}
