// SPDX-License-Identifier: MIT
/** What a user does who means harm costs that user, and nobody else. */
import assert from "node:assert/strict";
import { cpuUsage } from "node:process";
import { HookSource } from "../../../../net/capture/preload/hook_source.ts";
import { KIND, regionName, rendezvousOf } from "../../../../net/capture/record/layout.ts";
import type { CaptureProgram } from "../../../../net/capture/target.ts";
import { CaptureLog } from "../../../support/capture_log.ts";
import { TextLineStream } from "../../../support/lines.ts";
import { joinAgent } from "../../../support/ring_writer.ts";
import { startProgram } from "../../../support/ringing.ts";
import { missing } from "../../../support/run.ts";
import { notRoot, skipIf } from "../../../support/skip.ts";
import { awaited, until } from "../../../support/until.ts";

const skip = skipIf(notRoot("starting a program as another user"), missing("python3"));
const NOBODY = 65_534;
const HOSTILE = new URL("../../../support/hostile_user.py", import.meta.url).pathname;
const payload = new TextEncoder().encode("some clear text");

interface Scene {
  readonly directory: string;
  readonly source: HookSource;
  readonly log: CaptureLog;
  readonly warnings: string[];
}

/** What this process has used; others may have the machine meanwhile. */
function processorMs(): number {
  const { user, system } = cpuUsage();
  return (user + system) / 1000;
}

/** Runs `body` with an agent, beside a program of another user that does what `how` says; it begins after `body` has. */
async function beside(
  how: (string | number)[],
  body: (scene: Scene, begin: () => Promise<void>) => Promise<void>,
  regionsMax?: number,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  await Deno.chmod(folder, 0o755);
  const directory = `${folder}/run`;
  const log = new CaptureLog();
  const warnings: string[] = [];
  const timeBaseNs = BigInt(Date.now()) * 1_000_000n;
  const warn = (message: string) => warnings.push(message);
  const source = new HookSource({ runtimeDir: directory, target: log, timeBaseNs, warn, regionsMax });
  source.run();
  let child: Deno.ChildProcess | undefined;
  try {
    await body({ directory, source, log, warnings }, async () => {
      child = new Deno.Command("python3", {
        args: [HOSTILE, directory, regionName(rendezvousOf(directory)), ...how.map(String)],
        stdout: "piped",
      }).spawn();
      const lines = child.stdout.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream());
      for await (const line of lines) if (line === "done") break;
    });
  } finally {
    child?.kill("SIGKILL");
    await child?.status;
    await source.close();
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test({
  name: "a process with 60,000 mappings and 40 regions keeps nobody else waiting",
  ...skip,
  fn: () =>
    beside(["mappings", 40, 60_000, 16], async ({ directory, source, log }, begin) => {
      let longestMs = 0;
      let lastMs = processorMs();
      const timer = setInterval(() => {
        longestMs = Math.max(longestMs, processorMs() - lastMs);
        lastMs = processorMs();
      }, 10);
      await begin();
      const served = () =>
        log.of("programStart").filter(([, program]) => (program as CaptureProgram).uid === NOBODY);
      const good = joinAgent(directory);
      good.ring.write({ kind: KIND.data, payload });
      await log.until(() => log.of("data").length === 1);
      await until("every ring of it to be taken or refused", () =>
        served().length + (source.counters.refused.get("memory") ?? 0) === 40 * 16);
      clearInterval(timer);
      // It was 20 seconds.
      assert(longestMs < 2000, `nothing else ran for ${longestMs} ms`);
      good.region.close();
    }),
});

Deno.test({
  name: "programs that start while somebody floods the agent's queue are served",
  ...skip,
  fn: () =>
    beside(["silent"], async ({ directory, log }, begin) => {
      // It goes on until it is killed.
      await begin();
      for (let programs = 1; programs <= 3; programs++) {
        await using program = await startProgram(directory);
        await program.do("join");
        await program.do("write", 1, 100);
        await awaited(
          `program ${programs} to be served`,
          log.until(() => log.of("data").length === programs),
        );
      }
    }),
});

Deno.test({
  name: "who brings more regions than there are descriptors for gets half of them, and others the rest",
  ...skip,
  fn: () =>
    beside(["mappings", 30, 1, 1], async ({ directory, source, log }, begin) => {
      await begin();
      await until("what is too much to be refused", () =>
        source.counters.refused.get("too-many-regions") === 22);
      assert.equal(source.regions, 8);
      const good = joinAgent(directory);
      good.ring.write({ kind: KIND.data, payload });
      await awaited(
        "another program to be served",
        log.until(() =>
          log.of("data").length === 1
        ),
      );
      good.region.close();
    }, 16),
});

Deno.test({
  name: "numbers that a program makes up are cut to what its process can have done",
  ...skip,
  fn: () =>
    beside(["totals"], async ({ source, log }, begin) => {
      await begin();
      await log.until(() => log.of("programStart").length === 1);
      await source.close();
      assert(log.of("programEnd").length > 0);
      for (const [, , end] of log.of("programEnd")) {
        const { losses } = end as { losses: { unit: string; amount: number }[] };
        for (const { unit, amount } of losses) {
          assert(amount <= (unit === "bytes" ? 2 ** 33 : 2 ** 24), `${amount} ${unit}`);
        }
      }
      for (const programs of source.counters.refused.values()) assert(programs < 2 ** 24);
    }),
});

Deno.test({
  name: "a region that is sealed while it is read, and cannot be mapped again, ends itself and nothing else",
  ...skip,
  fn: () =>
    beside(["sealed"], async ({ directory, source, log }, begin) => {
      await begin();
      await awaited("its ring to end", log.until(() => log.of("programEnd").length === 1));
      await until("it to be let go", () => source.regions === 0);
      const good = joinAgent(directory);
      good.ring.write({ kind: KIND.data, payload });
      await awaited("another program to be served", log.until(() => log.of("data").length === 1));
      good.region.close();
    }),
});
