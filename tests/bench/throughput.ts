// SPDX-License-Identifier: MIT
/**
 * From one writing program through ring, agent and sink without loss: the highest of a ladder of rates at which every
 * byte arrives, the program's peer and the agent on the same machine.
 *
 * @module
 */
import { makeCertificate } from "../support/certificate.ts";
import { netnsMissing, received, withVeth } from "../support/netns.ts";
import { runOk, withTempDir } from "../support/run.ts";
import { startAgent } from "./agent.ts";
import type { BenchRow } from "./row.ts";

const LADDER_MEGABITS = [1000, 2100, 2500, 3000, 4000, 5000];
const SECONDS = 3;
const TARGET_MEGABITS = 2000;

const SOURCE = new URL("tls_writer.c", import.meta.url).pathname;

export async function benchThroughput(): Promise<BenchRow[]> {
  return await withTempDir(async (folder) => {
    const writer = `${folder}/tls_writer`;
    await runOk("cc", "-O2", "-o", writer, SOURCE, "-lssl", "-lcrypto");
    await makeCertificate(`${folder}/certificate.pem`, `${folder}/key.pem`);
    const server = new Deno.Command(writer, {
      args: ["serve", `${folder}/certificate.pem`, `${folder}/key.pem`],
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    try {
      const { value } = await server.stdout.pipeThrough(new TextDecoderStream()).getReader().read();
      const port = value!.trim();
      const rows = [await climb("ring to file", folder, `${folder}/out.pcapng`, writer, port)];
      if (netnsMissing()) return [...rows, { name: "ring to interface", value: "skipped: needs root" }];
      rows.push(
        await withVeth(async (veth) => {
          const row = await climb("ring to interface", folder, veth.near, writer, port);
          const { packets, dropped } = await received(veth);
          return {
            ...row,
            value: `${row.value}; ${packets} packets received, ${dropped} dropped on the veth`,
          };
        }),
      );
      return rows;
    } finally {
      server.kill("SIGTERM");
      await server.status;
    }
  });
}

/** The highest rate without loss; the ladder ends at the first with. */
async function climb(
  name: string,
  folder: string,
  sink: string,
  writer: string,
  port: string,
): Promise<BenchRow> {
  let best = 0;
  let stopped = "the top of the ladder";
  for (const megabits of LADDER_MEGABITS) {
    const agent = await startAgent(folder, sink);
    const { stdout } = await new Deno.Command(writer, {
      args: ["write", port, String(megabits), String(SECONDS)],
      env: agent.environment,
      stderr: "inherit",
    }).output();
    const { total, sinks } = await agent.stop();
    const [bytes, reached] = new TextDecoder().decode(stdout).trim().split(" ").map(Number);
    const lost = bytes - total.forged.toServer;
    const unwritten = sinks[0].packets - sinks[0].written;
    if (lost > 0 || unwritten > 0) {
      stopped = `${megabits} Mbps lost ${(100 * lost / bytes).toFixed(2)} % and ${unwritten} packets`;
      break;
    }
    best = Math.max(best, reached);
    if (reached < megabits * 0.98) {
      stopped = `the writer reached no more`;
      break;
    }
  }
  return {
    name: `${name}, one writing program, no loss`,
    value: `${(best / 1000).toFixed(2)} Gbps (${stopped})`,
    target: `>= ${TARGET_MEGABITS / 1000} Gbps`,
    ok: best >= TARGET_MEGABITS,
  };
}
