// SPDX-License-Identifier: MIT
/**
 * What the hook costs the program: CPU time of an nginx worker per request, hooked and not, alternating; beside it the
 * agent's own CPU, this project's kernel probes, and empty ones on the same calls where bpftrace runs. Times are the scheduler's
 * (`schedstat`).
 *
 * @module
 */
import { probesMissing } from "../e2e/support/probes.ts";
import { isInstalled, withTempDir } from "../support/run.ts";
import { startAgent } from "./agent.ts";
import { type Nginx, startNginx } from "./nginx.ts";
import { cpuNs, median, ratioText, type Spread, spread } from "./measure.ts";
import type { BenchRow } from "./row.ts";
import { runWrk } from "./wrk.ts";

const PAIRS = 9;
const LOAD_SECONDS = 2;
const LIBSSL = "/usr/lib/x86_64-linux-gnu/libssl.so.3";

interface Load {
  readonly name: string;
  readonly path: string;
  readonly connections: number;
  /** Each connection rests so long after a response; without it the server is driven to saturation. */
  readonly pauseMs?: number;
  /** Most that the hook may cost. */
  readonly budget: number;
  /** Most that kernel probes may. */
  readonly probesBudget: number;
}

const LOADS: readonly Load[] = [
  {
    name: "small responses, 10,000 a second",
    path: "/small",
    connections: 16,
    pauseMs: 1,
    budget: 1.05,
    probesBudget: 2,
  },
  {
    name: "small responses, both processors saturated",
    path: "/small",
    connections: 8,
    budget: 1.15,
    probesBudget: 2,
  },
  { name: "1 MB responses", path: "/large", connections: 4, budget: 1.08, probesBudget: 1.8 },
];

export async function benchCost(): Promise<BenchRow[]> {
  for (const program of ["nginx", "wrk"]) {
    if (!isInstalled(program)) {
      return [{ name: "cost of the hook", value: `skipped: ${program} is not installed` }];
    }
  }
  return await withTempDir(async (folder) => {
    const agent = await startAgent(folder, "/dev/null");
    const hooked = await startNginx(`${folder}/hooked`, agent.environment);
    const plain = await startNginx(`${folder}/plain`, {});
    try {
      const rows: BenchRow[] = [];
      for (const load of LOADS) {
        rows.push(...await compare(load, hooked, plain, agent.pid));
        rows.push(...await withProbes(folder, load, plain));
      }
      return rows;
    } finally {
      await hooked.stop();
      await plain.stop();
      await agent.stop();
    }
  });
}

/** CPU nanoseconds of the worker and of another process per request under load. */
async function measure(load: Load, nginx: Nginx, other?: number): Promise<{ worker: number; other: number }> {
  const before = { worker: cpuNs(nginx.workerPid), other: other ? cpuNs(other) : 0 };
  const url = `https://127.0.0.1:${nginx.port}${load.path}`;
  const requests = await runWrk({ ...load, url, seconds: LOAD_SECONDS });
  return {
    worker: (cpuNs(nginx.workerPid) - before.worker) / requests,
    other: other ? (cpuNs(other) - before.other) / requests : 0,
  };
}

async function compare(load: Load, hooked: Nginx, plain: Nginx, agentPid: number): Promise<BenchRow[]> {
  const ratios: number[] = [];
  const same: number[] = [];
  const plainNs: number[] = [];
  const agentNs: number[] = [];
  for (const nginx of [hooked, plain]) await measure(load, nginx);
  for (let pair = 0; pair < PAIRS; pair++) {
    const a = await measure(load, hooked, agentPid);
    const b = await measure(load, plain);
    const again = await measure(load, plain);
    ratios.push(a.worker / b.worker);
    same.push(again.worker / b.worker);
    plainNs.push(b.worker);
    agentNs.push(a.other);
  }
  const cost: Spread = spread(ratios);
  const rows: BenchRow[] = [
    {
      name: `nginx worker, ${load.name}: hooked / not`,
      value: ratioText(cost),
      target: `<= ${load.budget}`,
      ok: cost.median <= load.budget,
    },
    { name: `  the same twice, not hooked (noise)`, value: ratioText(spread(same)) },
    { name: `  worker, not hooked`, value: `${(median(plainNs) / 1000).toFixed(1)} us a request` },
    { name: `  agent`, value: `${(median(agentNs) / 1000).toFixed(1)} us a request` },
  ];
  const probed = await withUprobes(() => pairsOf(load, plain));
  rows.push({ name: `  empty kernel uprobes on the same calls / none`, value: probed });
  return rows;
}

/** What uprobes cost: the same server before and while they are attached, since they are per library file. */
async function pairsOf(load: Load, nginx: Nginx): Promise<number[]> {
  const figures: number[] = [];
  for (let run = 0; run < 3; run++) figures.push((await measure(load, nginx)).worker);
  return figures;
}

const PROBED_PAIRS = 3;
/** The other end of the connections is probed, too. */
const BY_PROBES = ["--capture", "uprobes", "--only", 'program == "nginx"'];

/** What this project's own probes cost, the same server with an agent of them and without, alternating. */
async function withProbes(folder: string, load: Load, nginx: Nginx): Promise<BenchRow[]> {
  const name = "  mirrored by kernel probes / not";
  const missing = await probesMissing();
  if (missing !== undefined) return [{ name, value: `skipped: ${missing}` }];
  const ratios: number[] = [];
  const agentNs: number[] = [];
  for (let pair = 0; pair < PROBED_PAIRS; pair++) {
    const without = (await measure(load, nginx)).worker;
    const agent = await startAgent(`${folder}/probes`, "/dev/null", ...BY_PROBES);
    try {
      const { worker, other } = await measure(load, nginx, agent.pid);
      ratios.push(worker / without);
      agentNs.push(other);
    } finally {
      await agent.stop();
    }
  }
  const cost = spread(ratios);
  return [
    { name, value: ratioText(cost), target: `<= ${load.probesBudget}`, ok: cost.median <= load.probesBudget },
    { name: "  its agent", value: `${(median(agentNs) / 1000).toFixed(1)} us a request` },
  ];
}

async function withUprobes(run: () => Promise<number[]>): Promise<string> {
  if (!isInstalled("bpftrace")) return "skipped: bpftrace is not installed";
  const without = await run();
  const probes = ["SSL_read", "SSL_write"].map((name) =>
    `uprobe:${LIBSSL}:${name},uretprobe:${LIBSSL}:${name} { }`
  );
  const tracer = new Deno.Command("bpftrace", {
    args: ["-e", `BEGIN { printf("ready\\n"); } ${probes.join(" ")}`],
    stdin: "null",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const reader = tracer.stdout.pipeThrough(new TextDecoderStream()).getReader();
  try {
    for (let text = ""; !text.includes("ready");) {
      const { value, done } = await reader.read();
      if (done) return "skipped: bpftrace does not run here";
      text += value;
    }
    const during = await run();
    return ratioText(spread(during.map((figure) => figure / median(without))));
  } finally {
    reader.cancel().catch(() => {});
    try {
      tracer.kill("SIGINT");
    } catch {
      // It has ended.
    }
    await tracer.status;
  }
}
