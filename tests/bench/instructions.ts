// SPDX-License-Identifier: MIT
/**
 * Instructions that the hook adds, counted by callgrind: the same on any machine, however busy. What it adds to a pair of calls is the
 * difference between runs of different lengths, with the hook and without.
 *
 * @module
 */
import { buildHook } from "../../tools/hook.ts";
import { Collector, compile, run, WORK } from "../hook/native.ts";
import { isInstalled } from "../support/run.ts";
import type { BenchRow } from "./row.ts";

const FEW = 1000;
const MANY = 3000;

/** Instructions of one run of a program. */
async function count(command: string[], environment: Record<string, string>): Promise<number> {
  const args = ["--tool=callgrind", "--callgrind-out-file=/dev/null", ...command];
  const { code, stderr } = await run("valgrind", args, environment);
  const found = /Collected : (\d+)/.exec(stderr);
  if (code !== 0 || found === null) throw new Error(`valgrind failed on ${command[0]}: ${stderr}`);
  return Number(found[1]);
}

async function added(name: string, command: (pairs: number) => string[]): Promise<BenchRow> {
  const collector = await Collector.start();
  const hooked = { LD_PRELOAD: await buildHook(), SSLCOLLECTOR_RUNTIME: collector.runtime };
  const each = async (environment: Record<string, string>) =>
    (await count(command(MANY), environment) - await count(command(FEW), environment)) / (MANY - FEW);
  const instructions = await each(hooked) - await each({});
  await collector.stop();
  return { name, value: `${instructions.toFixed(0)} instructions` };
}

export async function benchInstructions(): Promise<BenchRow[]> {
  if (!isInstalled("valgrind")) {
    return [{ name: "instructions of the hook", value: "skipped: valgrind is not installed" }];
  }
  await compile("libfake.so", ["fake_tls.c"], ["-shared", "-fPIC"]);
  const program = await compile("pairs", ["pairs.c"], [`-L${WORK}`, "-lfake", `-Wl,-rpath,${WORK}`]);
  const rows = [
    await added("added to SSL_write and SSL_read of 100 B", (pairs) => [program, "tls", String(pairs)]),
    await added(
      "the same of a program of which nothing is wanted",
      (pairs) => [program, "unwanted", String(pairs)],
    ),
    await added("added to write and read of 100 B, no TLS", (pairs) => [program, "plain", String(pairs)]),
  ];
  return [...rows, ...await startRows()];
}

/** `/bin/true`, in which the loader does nearly all that there is. */
async function startRows(): Promise<BenchRow[]> {
  await Deno.writeTextFile(`${WORK}/empty.c`, "typedef int nothing;\n");
  const empty = await compile("libempty.so", [`${WORK}/empty.c`], ["-shared", "-fPIC"]);
  const plain = await count(["/bin/true"], {});
  const preloaded = await count(["/bin/true"], { LD_PRELOAD: empty });
  const hooked = await count(["/bin/true"], { LD_PRELOAD: await buildHook() });
  const ratio = hooked / plain;
  return [
    {
      name: "added to the start of a process, the loader's among them",
      value: `${hooked - plain} instructions`,
    },
    {
      name: "/bin/true with the hook / without",
      value: ratio.toFixed(3),
      target: "<= 1.03",
      ok: ratio <= 1.03,
    },
    { name: "  with an empty preloaded library / without", value: (preloaded / plain).toFixed(3) },
    { name: "  the hook's own, beside an empty library", value: `${hooked - preloaded} instructions` },
  ];
}
