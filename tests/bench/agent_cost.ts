// SPDX-License-Identifier: MIT
/** The agent's own CPU time a request into a file, at the rates at which most servers live. @module */
import { missing, withTempDir } from "../support/run.ts";
import { type Agent, startAgent } from "./agent.ts";
import { cpuNs, ratioText, spread } from "./measure.ts";
import { type Nginx, startNginx } from "./nginx.ts";
import type { BenchRow } from "./row.ts";
import { runWrk } from "./wrk.ts";

const ROUNDS = 5;
const SECONDS = 3;
/** As much as may come so long before anything is measured: some 50,000 requests, after which no more code is compiled. */
const WARM_UP_SECONDS = 5;

interface Load {
  readonly name: string;
  readonly path: string;
  readonly connections: number;
  readonly pauseMs: number;
  /** Most microseconds that a request may cost the agent. */
  readonly budgetUs: number;
}

const LOADS: readonly Load[] = [
  { name: "3,300 small requests a second", path: "/small", connections: 40, pauseMs: 12, budgetUs: 5 },
  { name: "370 small requests a second", path: "/small", connections: 37, pauseMs: 100, budgetUs: 60 },
  { name: "40 responses of 1 MB a second", path: "/large", connections: 4, pauseMs: 100, budgetUs: 1000 },
];

export async function benchAgentCost(): Promise<BenchRow[]> {
  const lacking = missing("nginx", "wrk");
  if (lacking !== undefined) return [{ name: "the agent's own CPU", value: `skipped: ${lacking}` }];
  return await withTempDir(async (folder) => {
    const agent = await startAgent(folder, `${folder}/out.pcapng`);
    const nginx = await startNginx(`${folder}/nginx`, agent.environment);
    try {
      for (const { path, connections } of LOADS.slice(1)) {
        await runWrk({ url: urlOf(nginx, path), connections, seconds: WARM_UP_SECONDS });
      }
      const rows: BenchRow[] = [];
      for (const load of LOADS) rows.push(await measure(load, nginx, agent));
      return rows;
    } finally {
      await nginx.stop();
      await agent.stop();
    }
  });
}

function urlOf({ port }: Nginx, path: string): string {
  return `https://127.0.0.1:${port}${path}`;
}

async function measure(load: Load, nginx: Nginx, agent: Agent): Promise<BenchRow> {
  const costsUs: number[] = [];
  const url = urlOf(nginx, load.path);
  let requests = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const before = cpuNs(agent.pid);
    const done = await runWrk({ ...load, url, seconds: SECONDS });
    costsUs.push((cpuNs(agent.pid) - before) / 1000 / done);
    requests += done;
  }
  const cost = spread(costsUs);
  const rate = Math.round(requests / ROUNDS / SECONDS);
  return {
    name: `the agent into a file, ${load.name}`,
    value: `${ratioText(cost)} us a request at ${rate} a second`,
    target: `<= ${load.budgetUs} us`,
    ok: cost.median <= load.budgetUs,
  };
}
