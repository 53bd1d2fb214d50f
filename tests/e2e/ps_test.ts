// SPDX-License-Identifier: MIT
/** `sslcollector ps`: of every kind of program, whether it is mirrored, and why not. */
import assert from "node:assert/strict";
import { missing } from "../support/run.ts";
import { skipIf } from "../support/skip.ts";
import { until } from "../support/until.ts";
import { denoDirectory } from "./support/base.ts";
import { Child, runChild } from "./support/child.ts";
import { type Fixture, withFixture } from "./support/fixture.ts";
import { Agent, runSslcollector } from "./support/sslcollector.ts";

interface Line {
  readonly pid: number;
  readonly comm: string;
  readonly libraries: readonly string[];
  readonly state: string;
  readonly reason?: string;
  readonly fix?: string;
  readonly flows: number;
  readonly captured: number;
}

async function ps(fixture: Fixture): Promise<{ code: number; lines: Line[] }> {
  const args = ["ps", "--json", "--runtime-dir", fixture.path("runtime")];
  const { code, stdout } = await runSslcollector("source", fixture, args, {
    // Its own cache is the test's, that of packages stays.
    env: { XDG_CACHE_HOME: fixture.path("cache"), DENO_DIR: denoDirectory() },
  });
  const text = new TextDecoder().decode(stdout).trim();
  return { code, lines: text === "" ? [] : text.split("\n").map((line) => JSON.parse(line)) };
}

/** A server of OpenSSL's own, which waits for clients. */
async function startServer(
  { certificate, key, bodies }: Fixture,
  env: Record<string, string>,
): Promise<[Child, string]> {
  const server = new Child("openssl", {
    args: ["s_server", "-accept", "127.0.0.1:0", "-WWW", "-cert", certificate, "-key", key],
    cwd: bodies,
    env,
  });
  const [, port] = await server.found("stdout", /ACCEPT 127\.0\.0\.1:(\d+)/);
  return [server, port];
}

Deno.test({
  name:
    "ps: mirrored, silent, switched off, without the hook, and nothing of the agent and a program without TLS",
  ...skipIf(missing("openssl", "curl", "sleep")),
  fn: () =>
    withFixture(async (fixture) => {
      await using agent = await Agent.start("source", fixture, fixture.path("out.pcapng"));
      const hooked = { ...agent.hookEnvironment };
      const [mirrored, port] = await startServer(fixture, hooked);
      await using _mirrored = mirrored;
      const [silent] = await startServer(fixture, hooked);
      await using _silent = silent;
      const [off] = await startServer(fixture, { ...hooked, SSLCOLLECTOR_HOOK: "0" });
      await using _off = off;
      const [plain] = await startServer(fixture, {});
      await using _plain = plain;
      await using without = new Child("sleep", { args: ["60"], env: hooked });
      const { name } = fixture.body(5000);
      const { code, stderr } = await runChild("curl", {
        args: ["-sSfk", "-o", "/dev/null", `https://127.0.0.1:${port}/${name}`],
      });
      assert.equal(code, 0, stderr);

      const lines = await until("the agent to have read the session", async () => {
        const { code, lines } = await ps(fixture);
        assert.equal(code, 0);
        // The session is told before its clear text.
        return lines.some(({ pid, captured }) => pid === mirrored.pid && captured > 5000) && lines;
      });
      const of = (pid: number) => lines.find((line) => line.pid === pid);
      const { state, libraries, flows } = of(mirrored.pid)!;
      assert.deepEqual([state, libraries, flows], ["mirrored", ["openssl"], 1]);
      assert.equal(of(silent.pid)?.state, "silent");
      assert.deepEqual([of(off.pid)?.state, of(off.pid)?.reason], ["not", "switched-off"]);
      assert.deepEqual([of(plain.pid)?.state, of(plain.pid)?.reason], ["not", "environment"]);
      assert.match(of(plain.pid)!.fix!, /^start it with SSLCOLLECTOR_RUNTIME=/);
      assert.equal(of(agent.child.pid), undefined);
      assert.equal(of(without.pid), undefined);
      await agent.stop();
      assert.equal((await ps(fixture)).code, 3);
    }),
});
