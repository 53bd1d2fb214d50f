// SPDX-License-Identifier: MIT
/** `sslcollector ps` on a host with every kind of process says of each what a table made by hand says. */
import assert from "node:assert/strict";
import { Waiting } from "../net/agent/unmirrored/waiting.ts";
import { netnsMissing } from "../support/netns.ts";
import { missing } from "../support/run.ts";
import { notRoot, skipIf } from "../support/skip.ts";
import { denoDirectory } from "./support/base.ts";
import { withFixture } from "./support/fixture.ts";
import { type Kind, processKinds } from "./support/process_kinds.ts";
import { Agent, runSslcollector } from "./support/sslcollector.ts";

/** As far as this test asks. */
interface Line {
  readonly pid: number;
  readonly libraries: readonly string[];
  readonly state: string;
  readonly reason?: string;
}

/** What the line of a kind of process says, as the table has it. */
function saidOf(line: Line | undefined): Kind["said"] {
  if (line === undefined) return "absent";
  return line.state === "not" ? { not: line.reason! } : line.state as "silent";
}

Deno.test({
  name: "ps: of each kind of process what a table made by hand says",
  ...skipIf(
    notRoot("all of its processes"),
    netnsMissing(),
    missing("cc", "openssl", "setpriv", "unshare", "strip"),
  ),
  fn: () =>
    withFixture(async (fixture) => {
      await using agent = await Agent.start("source", fixture, fixture.path("out.pcapng"));
      const all = await processKinds(fixture.folder, agent.hookEnvironment.LD_PRELOAD);
      const kinds = all.filter(({ lacks }) => lacks === undefined);
      for (const { name, lacks } of all) {
        if (lacks !== undefined) console.log(`      without ${name}: ${lacks}`);
      }
      await using programs = new AsyncDisposableStack();
      const running = await Promise.all(kinds.map(async ({ command, env, says }) =>
        programs.use(await Waiting.start({ command, says, env: { ...agent.hookEnvironment, ...env } }))
      ));
      for (const { isDeleted, command } of kinds) {
        if (isDeleted) {
          await Deno.remove(command[0]);
        }
      }
      const { stdout } = await runSslcollector("source", fixture, [
        ...["ps", "--json", "--runtime-dir", fixture.path("runtime")],
      ], { env: { XDG_CACHE_HOME: fixture.path("cache"), DENO_DIR: denoDirectory() } });
      const lines = new TextDecoder().decode(stdout).trim().split("\n").map((line): Line =>
        JSON.parse(line)
      );
      const told = running.map(({ pid }) => lines.find((line) => line.pid === pid));
      assert.deepEqual(
        told.map((line, at) => [kinds[at].name, saidOf(line), kinds[at].libraries && line?.libraries]),
        kinds.map(({ name, said, libraries }) => [name, said, libraries]),
      );
      console.log(`      ${kinds.length} kinds`);
    }),
});
