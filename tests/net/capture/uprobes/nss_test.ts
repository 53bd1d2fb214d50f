// SPDX-License-Identifier: MIT
/** Probes at copies of NSS and NSPR that nobody but the programs of these tests maps. */
import assert from "node:assert/strict";
import type { CaptureGap, CaptureOpen, CaptureProgram } from "../../../../net/capture/target.ts";
import { buildHook } from "../../../../tools/hook.ts";
import { Child } from "../../../e2e/support/child.ts";
import { withFixture } from "../../../e2e/support/fixture.ts";
import { compileNssPeer, makeNssDatabase, nssMissing } from "../../../e2e/support/nss_peer.ts";
import { probesMissing } from "../../../e2e/support/probes.ts";
import type { CaptureLog } from "../../../support/capture_log.ts";
import { toldWhile } from "../../../support/probed_copy.ts";
import { skipIf } from "../../../support/skip.ts";

const names = ["libssl3.so", "libnspr4.so"];
const TO_SERVER = 300_000;
const TO_CLIENT = 200_000;

/** How `nss_peer` sends and receives, and what the probes are to tell of one that has the hook; of the other it is all of it. */
const WAYS: readonly {
  readonly how: string;
  readonly besideHook: readonly [sent: number, received: number];
}[] = [
  ...["plain", "parts", "layer", "mixed", "reused"].map((how) => ({ how, besideHook: [0, 0] }) as const),
  { how: "direct", besideHook: [TO_SERVER, TO_CLIENT] },
  { how: "halfway", besideHook: [TO_SERVER, 0] },
];

/** Bytes told of a process, by direction. */
function toldOf(log: CaptureLog, pid: number): [toServer: number, toClient: number] {
  const told: [number, number] = [0, 0];
  for (const [method, program, , what, , bytes] of log.calls) {
    if ((program as CaptureProgram).pid !== pid) continue;
    if (method === "gap") assert.fail(`${(what as CaptureGap).length} bytes are missing`);
    if (method === "data") told[what as 0 | 1] += (bytes as Uint8Array).length;
  }
  return told;
}

/** Runs both ends, of which the client has the environment `clientEnv` besides; answers their process ids. */
async function runPeers(
  program: string,
  database: string,
  how: string,
  env: Record<string, string>,
  clientEnv: Record<string, string>,
) {
  await using server = new Child(program, { args: ["server", database, how], env });
  const [, port] = await server.found("stdout", /^(\d+)$/m);
  const args = ["client", database, port, how];
  await using client = new Child(program, { args, env: { ...env, ...clientEnv } });
  for (const end of [client, server]) {
    const { code, stderr } = await end.ended;
    assert.deepEqual([code, stderr], [0, ""], how);
  }
  return { how, server: server.pid, client: client.pid };
}

Deno.test({
  name:
    "probes tell each session of NSS once: all of it without the hook, and what passes the hook by with it; no file that stands where a session stood",
  ...skipIf(nssMissing() ?? await probesMissing()),
  fn: () =>
    withFixture(async (fixture) => {
      const [program, database] = await Promise.all([compileNssPeer(fixture), makeNssDatabase(fixture)]);
      const libraries = { LD_LIBRARY_PATH: fixture.path("lib") };
      const hook = { LD_PRELOAD: await buildHook(), SSLCOLLECTOR_RUNTIME: fixture.path("nobody") };
      let pairs: Awaited<ReturnType<typeof runPeers>>[] = [];
      const { log } = await toldWhile(fixture, async () => {
        pairs = await Promise.all(WAYS.map(({ how }) => runPeers(program, database, how, libraries, hook)));
      }, { names, ringBytes: 16 << 20 });
      for (const [, , , open] of log.of("open")) assert.equal((open as CaptureOpen).tlsVersion, 0x0304);
      assert.deepEqual(
        pairs.map(({ how, server, client }) => [how, toldOf(log, server), toldOf(log, client)]),
        WAYS.map(({ how, besideHook }) => [how, [TO_SERVER, TO_CLIENT], besideHook]),
      );
    }),
});
