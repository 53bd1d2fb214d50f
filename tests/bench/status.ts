// SPDX-License-Identifier: MIT
/** How long an agent that is kept busy takes to say how it is: to a process that runs already, and to `sslcollector status`. */
import { ask } from "../../cli/status_client.ts";
import { missing } from "../support/run.ts";
import { agentBinary, startAgent } from "./agent.ts";
import { median } from "./measure.ts";
import type { BenchRow } from "./row.ts";
import { withWriter } from "./throughput.ts";

/** What a machine with two cores bears without loss, and what keeps both busy. */
const LOADS_MEGABITS = [2000, 1_000_000] as const;
const SECONDS = 6;
/** Between two questions. */
const PAUSE_MS = 50;
const ASKED_MS = 100;

export async function benchStatus(): Promise<BenchRow[]> {
  const lacking = missing("cc", "openssl");
  if (lacking !== undefined) return [{ name: "an answer of a busy agent", value: `skipped: ${lacking}` }];
  return await withWriter(async ({ folder, writer, port }) => {
    const rows: BenchRow[] = [];
    for (const megabits of LOADS_MEGABITS) {
      const agent = await startAgent(folder, "/dev/null");
      const runtimeDir = agent.environment.SSLCOLLECTOR_RUNTIME;
      const load = megabits === LOADS_MEGABITS[0]
        ? `at ${megabits / 1000} Gbps`
        : "of a program that writes all it can";
      const args = ["write", port, String(megabits), String(SECONDS)];
      const command = new Deno.Command(writer, {
        args,
        env: agent.environment,
        stdout: "null",
        stderr: "inherit",
      });
      const run = async (name: string, question: () => Promise<unknown>) => {
        const writing = command.spawn();
        rows.push(answered(`${name}, ${load}`, await timesMs(writing.status, question)));
      };
      try {
        await run("an answer", () => ask(`${runtimeDir}/status/agent.sock`, "/status"));
        const status = new Deno.Command(await agentBinary(), {
          args: ["status", "--runtime-dir", runtimeDir],
          stdout: "null",
          stderr: "null",
        });
        await run("sslcollector status", () => status.output());
      } finally {
        await agent.stop();
      }
    }
    return rows;
  });
}

/** Of one question after the other, until `ended` settles. */
async function timesMs(ended: Promise<unknown>, question: () => Promise<unknown>): Promise<number[]> {
  let isOver = false;
  const end = ended.then(() => isOver = true);
  const times: number[] = [];
  while (!isOver) {
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    const startMs = performance.now();
    await question();
    times.push(performance.now() - startMs);
  }
  await end;
  return times;
}

function answered(name: string, times: readonly number[]): BenchRow {
  const middle = median(times);
  return {
    name,
    value: `${middle.toFixed(0)} ms, at most ${Math.max(...times).toFixed(0)} ms, ${times.length} times`,
    target: `<= ${ASKED_MS} ms`,
    ok: middle <= ASKED_MS,
  };
}
