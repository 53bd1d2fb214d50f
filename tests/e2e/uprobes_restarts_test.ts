// SPDX-License-Identifier: MIT
/** Agents with kernel probes come and go beside programs that run on, with the hook and without: nothing fails, nothing is told twice. */
import assert from "node:assert/strict";
import { forgedConnections } from "../support/forged.ts";
import { missing } from "../support/run.ts";
import { skipIf } from "../support/skip.ts";
import { sha256 } from "../support/tshark.ts";
import { runChild } from "./support/child.ts";
import { get, put, type Seen } from "./support/exchange.ts";
import { type Fixture, withFixture } from "./support/fixture.ts";
import { Nginx, nginxMissing } from "./support/nginx.ts";
import { peerClient } from "./support/peer_client.ts";
import { ProbeAgent, probesMissing } from "./support/probes.ts";
import { Agent } from "./support/sslcollector.ts";

const lacking = await probesMissing() ?? nginxMissing() ?? missing("curl", "openssl");

/** A 5-tuple, who told it, and the hashes of what passed it both ways. */
type Told = readonly [name: string, source: string, bytes: number];

async function toldIn(capture: string, ports: ReadonlySet<number>): Promise<Told[]> {
  const forged = forgedConnections(await Deno.readFile(capture));
  return forged.filter(({ name }) => ports.has(Number(name.split(":").at(-1)))).map((
    { name, comments, streams },
  ): Told => [
    name,
    /source=(\S+)/.exec(comments[0])?.[1] ?? "hook",
    streams[0].length + streams[1].length,
  ]).sort();
}

function seenAs(source: string, { connections: [{ client, server }], bytes }: Seen): Told {
  return [`${client}>${server}`, source, bytes[0] + bytes[1]];
}

Deno.test({
  name:
    "nginx with the hook, restarted without it, and again with it, beside agents with hook and kernel probes, is told once by each",
  ...skipIf(lacking),
  fn: () =>
    withFixture(async (fixture) => {
      const ports = new Set<number>();
      const visit = async (nginx: Nginx, capture: string) => {
        ports.add(nginx.port);
        const body = fixture.body(16_384);
        const target = { hostname: "127.0.0.1", port: nginx.port };
        return await peerClient([[get(body), put(body)]], target, fixture, capture);
      };
      const start = (name: string) =>
        Agent.start(
          ...["source", fixture, fixture.path(name), "--capture", "auto"] as const,
          ...["--memory", "256MiB", "--only", 'program == "nginx"'],
        );
      const [one, other] = [fixture.path("one.pcapng"), fixture.path("other.pcapng")];
      await using first = await start("one.pcapng");
      await using hooked = await Nginx.start(fixture, first.hookEnvironment);
      const byHook = seenAs("hook", await visit(hooked, one));
      await hooked.stop();
      await using plain = await Nginx.start(fixture, {});
      const byProbes = seenAs("probes", await visit(plain, one));
      await first.stop();
      assert.deepEqual(await toldIn(one, ports), [byHook, byProbes].sort());

      await using second = await start("other.pcapng");
      const again = seenAs("probes", await visit(plain, other));
      await plain.stop();
      await using back = await Nginx.start(fixture, second.hookEnvironment);
      const backByHook = seenAs("hook", await visit(back, other));
      await back.stop();
      await second.stop();
      assert.deepEqual(await toldIn(other, ports), [again, backByHook].sort());
    }),
});

/** Agents that are killed. */
const KILLS = Number(Deno.env.get("PROBE_KILLS") ?? 2);

/** Downloads over and over, each by a curl of its own, which probes also come to. Answers how to end that, and how many there were. */
function downloading(fixture: Fixture, url: string, expected: string): () => Promise<number> {
  let isOver = false;
  const run = async () => {
    let downloads = 0;
    for (; !isOver; downloads++) {
      const { stdout } = await runChild("curl", {
        args: ["--silent", "--show-error", "--fail", "--cacert", fixture.certificate, url],
      });
      assert.equal(sha256(stdout), expected);
    }
    return downloads;
  };
  const running = run();
  running.catch(() => {}); // It is awaited in the end.
  return () => {
    isOver = true;
    return running;
  };
}

Deno.test({
  name: `no body differs while agents with kernel probes are killed ${KILLS} times, and the last one mirrors`,
  ...skipIf(lacking),
  fn: () =>
    withFixture(async (fixture) => {
      const capture = fixture.path("last.pcapng");
      const body = fixture.body(200_000);
      await using nginx = await Nginx.start(fixture, {});
      const url = `https://localhost:${nginx.port}/${body.name}`;
      const loads = [downloading(fixture, url, body.sha256), downloading(fixture, url, body.sha256)];
      const start = (capture: string) => ProbeAgent.start({ fixture, capture, ports: [nginx.port] });
      for (let kill = 0; kill < KILLS; kill++) {
        await using agent = await start(fixture.path("killed.pcapng"));
        agent.child.kill("SIGKILL");
        await agent.child.ended;
      }
      await using agent = await start(capture);
      const target = { hostname: "127.0.0.1", port: nginx.port };
      const seen = await peerClient([[get(body)]], target, fixture, capture);
      const downloads = await Promise.all(loads.map((end) => end()));
      assert.ok(downloads.every((count) => count > 0), `${downloads} downloads`);
      await nginx.stop();
      await agent.stop("nginx");
      const [client] = seen.connections;
      const [mirrored] = forgedConnections(await Deno.readFile(capture)).filter(({ name }) =>
        name === `${client.client}>${client.server}`
      );
      assert.deepEqual(mirrored.gaps, [[], []]);
      assert.equal(sha256(mirrored.streams[1].slice(-body.length)), body.sha256);
    }),
});
