// SPDX-License-Identifier: MIT
/**
 * Ticks of the processor's clock that the hook takes around each TLS call, by a build of it that counts them (`cycles.c`): warm, where a
 * program does nothing else, and in an nginx worker, which finds the hook's memory cold.
 *
 * @module
 */
import { compilerFlags, LINKER_FLAGS } from "../../tools/hook.ts";
import { ownTarget } from "../../tools/build/target.ts";
import { compile, run, WORK } from "../hook/native.ts";
import { isInstalled, runOk, withTempDir } from "../support/run.ts";
import { startAgent } from "./agent.ts";
import { median } from "./measure.ts";
import { startNginx } from "./nginx.ts";
import type { BenchRow } from "./row.ts";
import { runWrk } from "./wrk.ts";

const HOOK = new URL("../../hook/", import.meta.url).pathname;
const COUNTER = new URL("cycles.c", import.meta.url).pathname;
const SURROUNDING = ["call_begin", "call_end_read", "call_begin_write", "call_end_write"];
const PAIRS = 200_000;
const RUNS = 7;
const LOAD_SECONDS = 2;

async function buildCounting(folder: string): Promise<string> {
  const path = `${folder}/hook.so`;
  const sources = [...Deno.readDirSync(HOOK)].map(({ name }) => name).filter((name) => name.endsWith(".c"));
  const wraps = SURROUNDING.map((name) => `-Wl,--wrap=${name}`);
  const flags = [...compilerFlags(ownTarget()), "-O2", ...LINKER_FLAGS, ...wraps];
  await runOk("cc", ...flags, ...sources.map((name) => HOOK + name), COUNTER, "-o", path);
  return path;
}

interface Counts {
  readonly ticks: number;
  readonly calls: number;
}

function readCounts(path: string): Counts {
  const [ticks, calls] = new BigUint64Array(Deno.readFileSync(path).buffer, 0, 2);
  return { ticks: Number(ticks), calls: Number(calls) };
}

/** Ticks a TLS call while `load` runs. */
async function perCall(path: string, load: () => Promise<unknown>): Promise<number> {
  const before = readCounts(path);
  await load();
  const after = readCounts(path);
  return (after.ticks - before.ticks) / (after.calls - before.calls);
}

async function repeated(path: string, load: () => Promise<unknown>): Promise<string> {
  const figures: number[] = [];
  for (let at = 0; at < RUNS; at++) figures.push(await perCall(path, load));
  return `${median(figures).toFixed(0)} ticks (${Math.min(...figures).toFixed(0)} to ${
    Math.max(...figures).toFixed(0)
  })`;
}

export async function benchCycles(): Promise<BenchRow[]> {
  const lacking = Deno.build.arch !== "x86_64"
    ? "counted on x86_64 only"
    : ["cc", "nginx", "wrk"].filter((name) => !isInstalled(name)).map((name) =>
      `${name} is not installed`
    )[0];
  if (lacking) return [{ name: "cycles of the hook", value: `skipped: ${lacking}` }];
  return await withTempDir(async (folder) => {
    const counts = `${folder}/counts`;
    Deno.writeFileSync(counts, new Uint8Array(4096));
    const agent = await startAgent(folder, "/dev/null");
    const env = { ...agent.environment, LD_PRELOAD: await buildCounting(folder), HOOK_CYCLES: counts };
    await compile("libfake.so", ["fake_tls.c"], ["-shared", "-fPIC"]);
    const program = await compile("pairs", ["pairs.c"], [`-L${WORK}`, "-lfake", `-Wl,-rpath,${WORK}`]);
    const nginx = await startNginx(`${folder}/nginx`, env);
    try {
      const url = `https://127.0.0.1:${nginx.port}/small`;
      return [
        {
          name: "around SSL_write or SSL_read of 100 B, nothing else in between",
          value: await repeated(counts, () => run(program, ["tls", String(PAIRS)], env)),
        },
        {
          name: "around each of an nginx worker's, small responses, saturated",
          value: await repeated(counts, () => runWrk({ url, connections: 8, seconds: LOAD_SECONDS })),
        },
      ];
    } finally {
      await nginx.stop();
      await agent.stop();
    }
  });
}
