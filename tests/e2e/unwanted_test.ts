// SPDX-License-Identifier: MIT
/** A program of which nothing is chosen: its hook copies nothing and counts what passes, until an agent comes that wants it. */
import assert from "node:assert/strict";
import { PAGE, RETIRED, RING } from "../../net/capture/record/layout.ts";
import { forgedConnections } from "../support/forged.ts";
import { notRoot, skipIf } from "../support/skip.ts";
import { until } from "../support/until.ts";
import { missing } from "../support/run.ts";
import { denoDirectory } from "./support/base.ts";
import { Child } from "./support/child.ts";
import { type Fixture, withFixture } from "./support/fixture.ts";
import { PeerServer } from "./support/peer_server.ts";
import { python, pythonLacks } from "./support/python.ts";
import { Agent, runSslcollector } from "./support/sslcollector.ts";

const ONLY = ["--only", 'program == "curl" and port == 443'];

/** A word of the header of a program's first ring. */
function wordOf(pid: number, offset: number): number | undefined {
  const line = Deno.readTextFileSync(`/proc/${pid}/maps`).split("\n").find((line) =>
    line.includes("/memfd:sslcollector:")
  );
  if (line === undefined) return undefined;
  const range = line.split(" ")[0].split("-").map((address) => address.replace(/^0+/, "")).join("-");
  using region = Deno.openSync(`/proc/${pid}/map_files/${range}`);
  region.seekSync(PAGE + offset, Deno.SeekMode.Start);
  const word = new Uint32Array(1);
  region.readSync(new Uint8Array(word.buffer));
  return word[0];
}

/** What the ring's reader says of it. */
const retiredOf = (pid: number) => wordOf(pid, RING.retired);
const says = (pid: number, word: number) =>
  until(`its ring to say ${word}`, () => retiredOf(pid) === word, 20);

const startAgent = (fixture: Fixture, capture: string, ...options: string[]) =>
  Agent.start("source", fixture, fixture.path(capture), ...options);

Deno.test({
  name:
    "a program that no session is chosen of copies nothing, and is counted; the next agent that wants it mirrors it",
  ...skipIf(notRoot("adopting programs") ?? missing("openssl") ?? pythonLacks("ssl")),
  fn: () =>
    withFixture(async (fixture) => {
      await using server = new PeerServer(fixture);
      const body = fixture.body(20_000);
      const first = await startAgent(fixture, "first.pcapng", ...ONLY);
      await using _first = first;
      const url = `https://localhost:${server.port}/${body.name}`;
      const [command, ...args] = python("getter.py", url, fixture.certificate);
      await using getter = new Child(command, { args, env: first.hookEnvironment });
      await getter.found("stdout", /got 1\./);
      await says(getter.pid, RETIRED.unwanted);
      // Of the first exchange, before or after the agent said so.
      const earlier = wordOf(getter.pid, RING.skippedBytes)!;
      const get = async (times: number) => {
        getter.kill("SIGUSR1");
        await getter.found("stdout", new RegExp(`got ${times}\\.`));
      };
      await get(2);
      await get(3);
      const ps = await runSslcollector("source", fixture, [
        ...["ps", "--json", "--runtime-dir", fixture.path("runtime")],
      ], { env: { XDG_CACHE_HOME: fixture.path("cache"), DENO_DIR: denoDirectory() } });
      const lines = new TextDecoder().decode(ps.stdout).trim().split("\n").map((line) => JSON.parse(line));
      const { state, reason } = lines.find(({ pid }) => pid === getter.pid);
      assert.deepEqual([state, reason], ["not", "left-out"]);
      first.child.kill("SIGKILL");
      await first.child.ended;
      await get(4);
      assert.equal(retiredOf(getter.pid), RETIRED.unwanted, "nobody has changed it");
      await using second = await startAgent(fixture, "second.pcapng");
      await says(getter.pid, 0);
      await get(5);
      const { total } = await second.stop();
      await using third = await startAgent(fixture, "third.pcapng", ...ONLY);
      await says(getter.pid, RETIRED.unwanted);
      await get(6);
      const unwanted = (await third.stop()).total;
      assert.equal(retiredOf(getter.pid), 0, "an agent that ends leaves it to the next");
      getter.kill("SIGTERM");
      await getter.ended;

      const { bytes } = await server.seen();
      const [toServer, toClient] = bytes.map((count) => count / 6);
      const skipped = (exchanges: number) => ({
        skipped: { toServer: earlier + exchanges * (toServer + toClient), toClient: 0 },
      });
      assert.deepEqual([total.lost, unwanted.lost], [skipped(3), skipped(4)]);
      assert.deepEqual(unwanted.forged, { toServer: 0, toClient: 0 });
      assert.deepEqual([total.forged, total.imbalance], [{ toServer, toClient }, 0]);
      assert.deepEqual([total.flows, total.events["flow-skipped"]], [1, 1]);
      const [{ streams, comments }] = forgedConnections(await Deno.readFile(fixture.path("second.pcapng")));
      assert.deepEqual(streams.map(({ length }) => length), [toServer, toClient]);
      assert.match(comments[0], /late/);
    }),
});
