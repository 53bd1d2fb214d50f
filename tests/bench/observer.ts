// SPDX-License-Identifier: MIT
/**
 * What `-I IFACE` costs who sends on that interface, and the agent; and what an expression of `--only` costs it, on one program's bulk
 * transfer. With and without, alternating.
 *
 * @module
 */
import { makeCertificate } from "../support/certificate.ts";
import { addAddresses, inNamespace, netnsMissing, type Veth, withVeth } from "../support/netns.ts";
import { runOk, withTempDir } from "../support/run.ts";
import { type Agent, startAgent } from "./agent.ts";
import { cpuNs, median, ratioText, spread } from "./measure.ts";
import type { BenchRow } from "./row.ts";

const PAIRS = 7;
const ROUNDS = 25;
const FRAMES = 100_000;
const PACKET_NS = 300;
const MEGABITS = 2000;
const SECONDS = 4;
const EXPRESSION =
  'program == "tls_writer" and not uid == 12345 and (port == 1 or sni == "" or net == "10.0.0.0/8")';

/** Programs and files of this bench, and the interface. */
interface Place {
  readonly folder: string;
  readonly veth: Veth;
  /** Of the server behind the interface. */
  readonly port: string;
}

export async function benchObserver(): Promise<BenchRow[]> {
  const lacking = netnsMissing();
  if (lacking !== undefined) return [{ name: "observer of an interface", value: `skipped: ${lacking}` }];
  return await withTempDir((folder) =>
    withVeth(async (veth) => {
      await addAddresses(veth);
      for (const [name, ...libraries] of [["tls_writer", "-lssl", "-lcrypto"], ["frames"]]) {
        const source = new URL(`${name}.c`, import.meta.url).pathname;
        await runOk("cc", "-O2", "-o", `${folder}/${name}`, source, ...libraries);
      }
      await makeCertificate(`${folder}/certificate.pem`, `${folder}/key.pem`);
      const files = [`${folder}/certificate.pem`, `${folder}/key.pem`];
      const server = new Deno.Command("ip", {
        args: ["netns", "exec", veth.namespace, `${folder}/tls_writer`, "serve", ...files, veth.farAddress],
        stdout: "piped",
      }).spawn();
      try {
        const { value } = await server.stdout.pipeThrough(new TextDecoderStream()).getReader().read();
        const place = { folder, veth, port: value!.trim() };
        return [...await packetRows(place), ...await bulkRows(place), ...await expressionRows(place)];
      } finally {
        server.kill("SIGTERM");
        await server.status;
      }
    })
  );
}

/** With an agent, to its end. */
async function beside<T>(
  folder: string,
  options: readonly string[],
  use: (agent: Agent) => Promise<T>,
): Promise<T> {
  const agent = await startAgent(folder, "/dev/null", ...options);
  try {
    return await use(agent);
  } finally {
    await agent.stop();
  }
}

/** Nanoseconds that an observer adds to each frame that is sent through an interface, and to one that it receives. */
function packetRows({ folder, veth }: Place): Promise<BenchRow[]> {
  return withVeth((other) =>
    beside(folder, ["-I", veth.near], async () => {
      const program = `${folder}/frames`;
      const ways = {
        outgoing: async ({ near }: Veth) => Number(await runOk(program, near, `${FRAMES}`)),
        incoming: async (veth: Veth) => Number(await inNamespace(veth, program, veth.far, `${FRAMES}`)),
      };
      const rows: BenchRow[] = [];
      for (const [way, send] of Object.entries(ways)) {
        const added: number[] = [];
        const alone: number[] = [];
        for (let round = 0; round < ROUNDS; round++) {
          alone.push(await send(other));
          added.push(await send(veth) - alone[round]);
        }
        const ok = median(added) <= PACKET_NS;
        rows.push({
          name: `an ${way} packet of 1,514 bytes: what the observer adds`,
          value: `${median(added).toFixed(0)} ns to ${median(alone).toFixed(0)}`,
          ...way === "outgoing" ? { target: `<= ${PACKET_NS} ns`, ok } : {},
        });
      }
      return rows;
    })
  );
}

interface Written {
  readonly megabits: number;
  /** CPU time of the writing program for a megabyte. */
  readonly writerUs: number;
  /** Share of a core that the agent took. */
  readonly agent: number;
}

/** Writes through the interface at the rate asked for, with this environment. */
async function write(
  { folder, veth, port }: Place,
  agent: Agent,
  env: Record<string, string> = {},
): Promise<Written> {
  const before = cpuNs(agent.pid);
  const args = ["write", port, `${MEGABITS}`, `${SECONDS}`, veth.farAddress];
  const { success, stdout } = await new Deno.Command(`${folder}/tls_writer`, { args, env, stderr: "inherit" })
    .output();
  if (!success) throw new Error("tls_writer failed");
  const [bytes, megabits, ns] = new TextDecoder().decode(stdout).trim().split(" ").map(Number);
  return {
    megabits,
    writerUs: ns / 1000 / (bytes / 1e6),
    agent: (cpuNs(agent.pid) - before) / (SECONDS * 1e9),
  };
}

/** Bulk TLS that nobody mirrors, beside an agent that looks at the interface and one that does not. */
async function bulkRows(place: Place): Promise<BenchRow[]> {
  const observed: Written[] = [];
  const not: Written[] = [];
  for (let pair = 0; pair < PAIRS; pair++) {
    not.push(await beside(place.folder, ["-I", "any"], (agent) => write(place, agent)));
    observed.push(await beside(place.folder, ["-I", place.veth.near], (agent) => write(place, agent)));
  }
  const agentAdded = 100 * median(observed.map(({ agent }, pair) => agent - not[pair].agent));
  const writer = spread(observed.map(({ writerUs }, pair) => writerUs / not[pair].writerUs));
  return [
    {
      name: `bulk TLS at ${MEGABITS / 1000} Gbps through the interface: what the observer adds to the agent`,
      value: `${agentAdded.toFixed(2)} % of a core at ${
        median(observed.map(({ megabits }) => megabits)).toFixed(0)
      } Mbps`,
      target: "< 2 %",
      ok: agentAdded < 2,
    },
    { name: "  CPU time of who sends it a megabyte, observed / not", value: ratioText(writer) },
  ];
}

/** The same, mirrored, with an expression that chooses it and without. */
async function expressionRows(place: Place): Promise<BenchRow[]> {
  const ratios: number[] = [];
  const writer: number[] = [];
  const same: number[] = [];
  const mirrored = (...options: string[]) =>
    beside(place.folder, ["-I", "any", ...options], (agent) => write(place, agent, agent.environment));
  for (let pair = 0; pair < PAIRS; pair++) {
    const without = await mirrored();
    const chosen = await mirrored("--only", EXPRESSION);
    const again = await mirrored();
    ratios.push(chosen.agent / without.agent);
    same.push(again.agent / without.agent);
    writer.push(chosen.writerUs / without.writerUs);
  }
  return [
    {
      name: "bulk TLS mirrored, CPU time of the agent: chosen by --only / without",
      value: ratioText(spread(ratios)),
    },
    { name: "  the same twice, without (noise)", value: ratioText(spread(same)) },
    { name: "  CPU time of the program: chosen by --only / without", value: ratioText(spread(writer)) },
  ];
}
