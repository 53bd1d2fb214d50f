// SPDX-License-Identifier: MIT
/** Whatever becomes of the agent, the program does as without it: a download of 1 GiB. @module */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { hookLibraryPath } from "../../net/agent/hook_library.ts";
import { missing } from "../support/run.ts";
import { skipIf } from "../support/skip.ts";
import { Agent } from "./support/sslcollector.ts";
import { Download } from "./support/fault_curl.ts";
import { StepServer } from "./support/fault_server.ts";
import { fileExceeds } from "./support/fault_wait.ts";
import { type Fixture, withFixture } from "./support/fixture.ts";

const lacking = missing("curl", "openssl");

const BLOCK_BYTES = 1 << 20;
const BLOCKS = 1024;
/** Where the agent gets into trouble. */
const MIDDLE_BYTES = 100 << 20;

/** Downloads 1 GiB through the hook; `trouble` comes in its middle, while curl waits. */
async function checkDownload(
  fixture: Fixture,
  env: Readonly<Record<string, string>>,
  trouble: () => Promise<void> = () => Promise.resolve(),
): Promise<StepServer["bytes"]> {
  const block = await Deno.readFile(`${fixture.bodies}/${fixture.body(BLOCK_BYTES).name}`);
  const hash = createHash("sha256");
  await using server = new StepServer(fixture);
  let troubled = false;
  const pause = { at: MIDDLE_BYTES, until: () => trouble().then(() => void (troubled = true)) };
  await using download = new Download(fixture, [server.url("/1-gib")], env, pause);
  const connection = await server.accept();
  await connection.request();
  await connection.respond(BLOCKS * BLOCK_BYTES);
  for (let number = 0; number < BLOCKS; number++) {
    hash.update(block);
    await connection.write(block);
  }
  await connection.close();
  assert.deepEqual(await download.ended, {
    code: 0,
    stderr: "",
    lengthBytes: BLOCKS * BLOCK_BYTES,
    sha256: hash.digest("hex"),
  });
  assert(troubled, "the download was over before the trouble");
  return server.bytes;
}

Deno.test({
  name: "a download of 1 GiB is whole without an agent",
  ...skipIf(lacking),
  fn: () =>
    withFixture(async (fixture) => {
      const env = { LD_PRELOAD: await hookLibraryPath(), SSLCOLLECTOR_RUNTIME: fixture.path("nobody-here") };
      await checkDownload(fixture, env);
    }),
});

Deno.test({
  name: "a download of 1 GiB is whole when the agent is killed in its middle",
  ...skipIf(lacking),
  fn: () =>
    withFixture(async (fixture) => {
      const capture = fixture.path("killed.pcapng");
      await using agent = await Agent.start("source", fixture, capture);
      await checkDownload(fixture, agent.hookEnvironment, async () => {
        await fileExceeds(capture, BLOCK_BYTES);
        agent.child.kill("SIGKILL");
        await agent.child.ended;
      });
    }),
});

Deno.test({
  name: "a download of 1 GiB is whole when the agent stops in its middle, which then counts every byte",
  ...skipIf(lacking),
  fn: () =>
    withFixture(async (fixture) => {
      const capture = fixture.path("stopped.pcapng");
      await using agent = await Agent.start("source", fixture, capture);
      try {
        const bytes = await checkDownload(fixture, agent.hookEnvironment, async () => {
          await fileExceeds(capture, BLOCK_BYTES);
          agent.child.kill("SIGSTOP");
        });
        agent.child.kill("SIGCONT");
        const { total } = await agent.stop();
        assert.equal(total.imbalance, 0);
        // The ring was full until curl had ended: in which direction the last bytes were lost is not known any more.
        assert.equal(
          total.captured.toServer + total.captured.toClient,
          bytes.toServer + bytes.toClient,
          JSON.stringify(total),
        );
        assert(total.forged.toClient > BLOCK_BYTES && total.forged.toClient < bytes.toClient);
      } finally {
        agent.child.kill("SIGCONT");
      }
    }),
});
