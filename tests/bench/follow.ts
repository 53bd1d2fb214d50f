// SPDX-License-Identifier: MIT
/** What it costs an agent that somebody follows its exchanges, as `top` does: from nobody looks to one who reads all lines. */
import { followExchanges } from "../../cli/top/feed_client.ts";
import { missing, withTempDir } from "../support/run.ts";
import { type Agent, startAgent } from "./agent.ts";
import { cpuNs, ratioText, spread } from "./measure.ts";
import { startNginx } from "./nginx.ts";
import type { BenchRow } from "./row.ts";
import { runWrk } from "./wrk.ts";

const ROUNDS = 5;
const SECONDS = 3;
/** Both ways, before anything is measured: some 100,000 requests, after which no more code is compiled. */
const WARM_UP_SECONDS = 15;
/** 4,000 small requests a second. */
const LOAD = { connections: 40, pauseMs: 10 };
const ASKED = 1.2;

export async function benchFollow(): Promise<BenchRow[]> {
  const lacking = missing("nginx", "wrk");
  if (lacking !== undefined) return [{ name: "an agent that is followed", value: `skipped: ${lacking}` }];
  return await withTempDir(async (folder) => {
    const agent = await startAgent(folder, `${folder}/out.pcapng`);
    const nginx = await startNginx(`${folder}/nginx`, agent.environment);
    try {
      const url = `https://127.0.0.1:${nginx.port}/small`;
      const socket = `${agent.environment.SSLCOLLECTOR_RUNTIME}/status/agent.sock`;
      await costUs(agent, url, WARM_UP_SECONDS);
      await followed(socket, () => costUs(agent, url, WARM_UP_SECONDS));
      const ratios: number[] = [];
      for (let round = 0; round < ROUNDS; round++) {
        const alone = await costUs(agent, url, SECONDS);
        ratios.push(await followed(socket, () => costUs(agent, url, SECONDS)) / alone);
      }
      const ratio = spread(ratios);
      return [{
        name: "the agent's CPU time a small request at 4,000 a second, followed by one top / by nobody",
        value: ratioText(ratio),
        target: `at most ${ASKED}`,
        ok: ratio.median <= ASKED,
      }];
    } finally {
      await nginx.stop();
      await agent.stop();
    }
  });
}

/** CPU time of the agent a request, in microseconds. */
async function costUs(agent: Agent, url: string, seconds: number): Promise<number> {
  const before = cpuNs(agent.pid);
  const requests = await runWrk({ ...LOAD, url, seconds });
  return (cpuNs(agent.pid) - before) / 1000 / requests;
}

/** Calls while all lines are read. */
async function followed<T>(socket: string, call: () => Promise<T>): Promise<T> {
  const stop = new AbortController();
  const reading = (async () => {
    for await (const _ of followExchanges(socket, "", stop.signal));
  })();
  try {
    return await call();
  } finally {
    stop.abort();
    await reading.catch(() => {});
  }
}
