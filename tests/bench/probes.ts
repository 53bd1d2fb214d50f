// SPDX-License-Identifier: MIT
/**
 * How much passes from kernel probes into a file without loss, and the agent's own CPU time a GB, beside the hook's in the same run.
 *
 * @module
 */
import { probesMissing } from "../e2e/support/probes.ts";
import { ratioText, spread } from "./measure.ts";
import type { BenchRow } from "./row.ts";
import { climb, climbed, withWriter, write, type Written } from "./throughput.ts";

const TARGET_MEGABITS = 1500;
const PAIRS = 5;
const PAIR_MEGABITS = 1000;
const BY_PROBES = ["--capture", "uprobes", "--only", 'program == "tls_writer"'];

export async function benchProbes(): Promise<BenchRow[]> {
  const missing = await probesMissing();
  if (missing !== undefined) return [{ name: "kernel probes", value: `skipped: ${missing}` }];
  return await withWriter(async (route) => {
    const sink = `${route.folder}/out.pcapng`;
    const rows = [
      climbed("kernel probes to file", await climb({ ...route, sink, options: BY_PROBES }), TARGET_MEGABITS),
    ];
    const secondsOf = ({ agentNs, bytes }: Written) => agentNs / bytes;
    const probes: number[] = [];
    const ratios: number[] = [];
    for (let pair = 0; pair < PAIRS; pair++) {
      const byProbes = secondsOf(await write({ ...route, sink, options: BY_PROBES }, PAIR_MEGABITS));
      const byHook = secondsOf(await write({ ...route, sink }, PAIR_MEGABITS));
      probes.push(byProbes);
      ratios.push(byProbes / byHook);
    }
    return [
      ...rows,
      {
        name: `  the agent's own CPU time at ${PAIR_MEGABITS} Mbps`,
        value: `${ratioText(spread(probes))} s a GB`,
      },
      { name: "  to that with the hook", value: ratioText(spread(ratios)) },
    ];
  });
}
