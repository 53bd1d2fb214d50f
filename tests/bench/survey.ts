// SPDX-License-Identifier: MIT
/** How long `sslcollector ps` takes on a host with many processes: before it has seen their executables, and after. @module */
import { compile } from "../../tools/compile.ts";
import { makePrograms } from "../e2e/support/waiting_programs.ts";
import { missing, withTempDir } from "../support/run.ts";
import { Waiting } from "../net/agent/unmirrored/waiting.ts";
import { median, ratioText, spread } from "./measure.ts";
import type { BenchRow } from "./row.ts";

const PROCESSES = 500;
/** Of these, and Deno itself, whose executable is one of the largest. */
const PROGRAMS = [
  "openssl",
  "gnutls",
  "nss",
  "plain",
  "openssl-built-in",
  "openssl-stripped",
  "go",
  "wolfssl",
];
const RUNS = 5;
const TARGETS_S = { first: 2, later: 0.3 } as const;

export async function benchSurvey(): Promise<BenchRow[]> {
  const lacking = missing("bash", "cc", "openssl");
  if (lacking !== undefined) return [{ name: "ps", value: `skipped: ${lacking}` }];
  const binary = await compile();
  return await withTempDir(async (folder) => {
    const made = await makePrograms(folder);
    const paths = PROGRAMS.map(made).filter(({ lacks }) => lacks === undefined).map(({ path }) => path);
    const each = Math.ceil(PROCESSES / paths.length);
    const loop = `for i in $(seq ${each}); do "$p" <&3 & done`;
    const script = `exec 3<&0; for p in ${paths.join(" ")}; do ${loop}; done; wait`;
    await using _ = await Waiting.start({ command: ["sh", "-c", script], times: each * paths.length });
    const runs: { readonly first: Took; readonly later: Took }[] = [];
    for (let run = 0; run < RUNS; run++) {
      const cache = `${folder}/cache-${run}`;
      runs.push({ first: await look(binary, folder, cache), later: await look(binary, folder, cache) });
    }
    return (["first", "later"] as const).map((when) => {
      const seconds = spread(runs.map((run) => run[when].seconds));
      const cpu = median(runs.map((run) => run[when].cpuSeconds));
      return {
        name: `ps among ${each * paths.length} processes, ${when === "first" ? "the first time" : "later"}`,
        value: `${ratioText(seconds)} s, ${cpu.toFixed(2)} s of CPU time`,
        target: `<= ${TARGETS_S[when]} s`,
        ok: seconds.median <= TARGETS_S[when],
      };
    });
  });
}

/** How long it took, and how much of that a processor worked for it. */
interface Took {
  readonly seconds: number;
  readonly cpuSeconds: number;
}

/** Runs `ps` to its end, the start of the program among it. */
async function look(binary: string, folder: string, cache: string): Promise<Took> {
  const script = `TIMEFORMAT='%R %U %S'; time "$@" > /dev/null 2>&1`;
  const { stderr } = await new Deno.Command("bash", {
    args: ["-c", script, "bash", binary, "ps", "--json", "--runtime-dir", `${folder}/run`],
    env: { XDG_CACHE_HOME: cache, SSLCOLLECTOR_CONFIG: "/dev/null" },
    stdout: "null",
    stderr: "piped",
  }).output();
  const [seconds, user, system] = new TextDecoder().decode(stderr).trim().split(" ").map(Number);
  return { seconds, cpuSeconds: user + system };
}
