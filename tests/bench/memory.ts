// SPDX-License-Identifier: MIT
/** What the agent holds for flows that are open and at rest. @module */
import { isInstalled, runOk, withTempDir } from "../support/run.ts";
import { startAgent } from "./agent.ts";
import { residentBytes } from "./measure.ts";
import { startNginx } from "./nginx.ts";
import type { BenchRow } from "./row.ts";

const FLOWS = 10_000;
const TARGET_BYTES = 200e6;
const SOURCE = new URL("tls_writer.c", import.meta.url).pathname;

export async function benchMemory(): Promise<BenchRow[]> {
  if (!isInstalled("nginx")) return [{ name: "agent's memory", value: "skipped: nginx is not installed" }];
  return await withTempDir(async (folder) => {
    const writer = `${folder}/tls_writer`;
    await runOk("cc", "-O2", "-o", writer, SOURCE, "-lssl", "-lcrypto");
    const agent = await startAgent(folder, `${folder}/out.pcapng`);
    const idleBytes = residentBytes(agent.pid);
    const nginx = await startNginx(`${folder}/nginx`, {});
    const client = new Deno.Command(writer, {
      args: ["open", String(nginx.port), String(FLOWS)],
      env: agent.environment,
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    const { value } = await client.stdout.pipeThrough(new TextDecoderStream()).getReader().read();
    if (value?.trim() !== "open") throw new Error("the client opened no connections");
    const bytes = residentBytes(agent.pid);
    await client.stdin.close();
    await client.status;
    await nginx.stop();
    const { total } = await agent.stop();
    if (total.flows !== FLOWS) throw new Error(`${total.flows} flows were mirrored, not ${FLOWS}`);
    const text = (size: number) => `${Math.round(size / 1e6)} MB`;
    return [{
      name: `agent's memory with ${FLOWS} open flows at rest`,
      value: `${text(bytes)} (${text(idleBytes)} before, ${
        Math.round((bytes - idleBytes) / FLOWS)
      } bytes a flow)`,
      target: `< ${text(TARGET_BYTES)}`,
      ok: bytes < TARGET_BYTES,
    }];
  });
}
