// SPDX-License-Identifier: MIT
/**
 * What the agent costs while nothing happens, with so many rings: each of a region of its own, as of programs that once used TLS.
 *
 * @module
 */
import { KIND } from "../../net/capture/record/layout.ts";
import { processorSeconds } from "../../net/capture/preload/process_facts.ts";
import { type Geometry, handOver, RegionWriter } from "../support/ring_writer.ts";
import { startAgent } from "../support/ringing.ts";
import { until } from "../support/until.ts";
import type { RingBooks } from "../support/ring_agent.ts";
import type { BenchRow } from "./row.ts";

const RINGS = [0, 1, 100, 10_000];
/** The agent has given back what it can, and looks seldom, long before this. */
const SETTLE_MS = 5000;
const MEASURED_MS = 10_000;
const GEOMETRY: Geometry = {
  ringCount: 1,
  slotCapacity: 512,
  dataCapacity: 256 << 10,
  initialData: 256 << 10,
  initialSlots: 512,
};

/** As the agent expects it. */
const PAYLOAD = Uint8Array.from({ length: 100 }, (_, i) => i);

const pause = (delayMs: number) => new Promise((resolve) => setTimeout(resolve, delayMs));

async function measure(rings: number): Promise<BenchRow> {
  const directory = await Deno.makeTempDir();
  const regions: RegionWriter[] = [];
  try {
    await using agent = await startAgent(directory);
    for (let i = 0; i < rings; i++) {
      const region = new RegionWriter(GEOMETRY, directory);
      regions.push(region);
      region.claim(0, Deno.pid).write({ kind: KIND.data, payload: PAYLOAD });
      await until("room in the agent's queue", () => handOver(region, directory));
    }
    await until(`${rings} rings to be read`, async () => {
      const books: RingBooks = JSON.parse(await agent.do("books"));
      return books.programs === rings;
    }, 100);
    await pause(SETTLE_MS);
    const before = processorSeconds(agent.child.pid)!;
    await pause(MEASURED_MS);
    const share = (processorSeconds(agent.child.pid)! - before) / (MEASURED_MS / 1000);
    const memory = /^VmRSS:\s+(\d+)/m.exec(await Deno.readTextFile(`/proc/${agent.child.pid}/status`))![1];
    return {
      name: `agent at rest, ${rings} rings`,
      value: `${(share * 100).toFixed(1)} % of a core, ${(Number(memory) / 1024).toFixed(0)} MiB`,
    };
  } finally {
    for (const region of regions) region.close();
    await Deno.remove(directory, { recursive: true });
  }
}

export async function benchRest(): Promise<BenchRow[]> {
  const rows: BenchRow[] = [];
  for (const rings of RINGS) rows.push(await measure(rings));
  return rows;
}

if (import.meta.main) console.table(await benchRest());
