// SPDX-License-Identifier: MIT
/**
 * `deno task bench [NAME...]`: speed, cost for the program and memory, as ratios within one run; a table for people, never a test.
 *
 * @module
 */
import { benchAttach } from "./attach.ts";
import { benchAgentCost } from "./agent_cost.ts";
import { benchCost } from "./cost.ts";
import { benchCycles } from "./cycles.ts";
import { benchDecode } from "./decode.ts";
import { benchFollow } from "./follow.ts";
import { benchForge } from "./forge.ts";
import { benchHttp2 } from "./http2.ts";
import { benchInstructions } from "./instructions.ts";
import { benchLink } from "./link.ts";
import { benchMemory } from "./memory.ts";
import { benchObserver } from "./observer.ts";
import { benchProbes } from "./probes.ts";
import { benchPage } from "./page.ts";
import { benchRest } from "./rest.ts";
import { benchRing } from "./ring.ts";
import type { BenchRow } from "./row.ts";
import { benchStatus } from "./status.ts";
import { benchSurvey } from "./survey.ts";
import { benchThroughput } from "./throughput.ts";
import { benchView } from "./view.ts";

const BENCHES: Record<string, () => Promise<BenchRow[]>> = {
  ring: benchRing,
  rest: benchRest,
  forge: benchForge,
  throughput: benchThroughput,
  memory: benchMemory,
  cost: benchCost,
  agent: benchAgentCost,
  attach: benchAttach,
  probes: benchProbes,
  instructions: benchInstructions,
  cycles: benchCycles,
  http2: benchHttp2,
  decode: benchDecode,
  link: benchLink,
  observer: benchObserver,
  survey: benchSurvey,
  view: benchView,
  follow: benchFollow,
  status: benchStatus,
  page: benchPage,
};

function show(rows: readonly BenchRow[]): void {
  const width = Math.max(...rows.map(({ name }) => name.length));
  for (const { name, value, target, ok } of rows) {
    const verdict = target === undefined
      ? ""
      : `  asked: ${target}${ok === undefined ? "" : ok ? ", reached" : ", MISSED"}`;
    console.log(`  ${name.padEnd(width)}  ${value}${verdict}`);
  }
}

const names = Deno.args.length > 0 ? Deno.args : Object.keys(BENCHES);
const unknown = names.find((name) => !(name in BENCHES));
if (unknown !== undefined) {
  console.error(`bench: there is no ${JSON.stringify(unknown)}: one of ${Object.keys(BENCHES).join(", ")}`);
  Deno.exit(2);
}
for (const name of names) {
  console.log(`${name} (load average ${Deno.loadavg()[0].toFixed(1)})`);
  show(await BENCHES[name]());
}
