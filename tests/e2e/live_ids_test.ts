// SPDX-License-Identifier: MIT
/** Into a veth whose other end has a live Suricata: it sees what the capture file shows, packet for packet. @module */
import assert from "node:assert/strict";
import { judge, judgeMissing, type Verdict } from "../ids/judge.ts";
import { netnsMissing, received, withVeth } from "../support/netns.ts";
import { missing } from "../support/run.ts";
import { skipIf } from "../support/skip.ts";
import { checkMirror } from "./support/check_mirror.ts";
import { Agent, mirrorOptions, runSslcollector, summaryOf } from "./support/sslcollector.ts";
import { checkDownloads, curlArguments, curlPeer } from "./support/curl.ts";
import { type Connection, get, put, smallAndMedium } from "./support/exchange.ts";
import { type EveEvent, Suricata } from "./support/fault_suricata.ts";
import { type Fixture, withFixture } from "./support/fixture.ts";
import { Nginx } from "./support/nginx.ts";
import { PeerServer } from "./support/peer_server.ts";

const lacking = netnsMissing() || judgeMissing() || missing("curl", "openssl", "tshark");

type SeenHttp = Pick<Verdict["http"][number], "http_method" | "url" | "status" | "length">;

const asText = (exchanges: readonly SeenHttp[]) =>
  exchanges.map(({ http_method, url, status, length }) => `${http_method} ${url} ${status} ${length}`).sort();

/** Other events may have a copy of their exchange. */
const httpOf = (events: readonly EveEvent[]) =>
  events.flatMap(({ event_type, http }) => event_type === "http" ? [http!] : []);

/** Fails unless the live Suricata saw all packets, found no fault, and the same HTTP as the one that read the file. */
async function checkLive(events: readonly EveEvent[], capture: string, packets: number): Promise<void> {
  const { stats } = events.findLast((event) => event.event_type === "stats")!;
  const { decoder, tcp } = stats!;
  assert.deepEqual({ decoded: decoder.pkts, invalid: decoder.invalid }, { decoded: packets, invalid: 0 });
  const faults = ["invalid_checksum", "reassembly_gap", "midstream_pickups", "overlap"]
    .filter((name) => (tcp[name] ?? 0) > 0);
  assert.deepEqual(faults, []);
  assert.deepEqual(events.flatMap(({ alert, anomaly }) => alert?.signature ?? anomaly?.event ?? []), []);
  const verdict = await judge(capture);
  assert.equal(verdict.packets, packets);
  assert.deepEqual(asText(httpOf(events)), asText(verdict.http));
}

/** `near` is the interface to write to, `packets` how many have come out of its other end. */
async function withIds(
  fixture: Fixture,
  use: (near: string, ids: Suricata, packets: () => Promise<number>) => Promise<void>,
): Promise<void> {
  await withVeth(async (veth) => {
    await using ids = await Suricata.start(veth, fixture.path("ids"));
    const before = await received(veth);
    await use(veth.near, ids, async () => {
      const after = await received(veth);
      assert.equal(after.dropped, before.dropped);
      return after.packets - before.packets;
    });
  });
}

Deno.test({
  name: "live: Suricata sees a client's connections on the interface as in the file",
  ...skipIf(lacking),
  fn: () =>
    withFixture((fixture) =>
      withIds(fixture, async (near, ids, packets) => {
        const capture = fixture.path("live.pcapng");
        await using server = new PeerServer(fixture);
        const connections = smallAndMedium(fixture);
        const command = [
          "curl",
          ...curlArguments(connections, { hostname: server.hostname, port: server.port }, fixture),
        ];
        const ended = await runSslcollector("source", fixture, [
          "run",
          ...mirrorOptions(capture),
          "-o",
          near,
          "--",
          ...command,
        ]);
        assert.equal(ended.code, 0, ended.stderr);
        checkDownloads(connections, fixture);
        const summary = summaryOf(ended);
        assert.equal(summary.sinks[1].name, near);
        assert.equal(await packets(), summary.total.packets, "packets that the far end received");
        await ids.decoded(summary.total.packets);
        await checkLive(await ids.stop(), capture, summary.total.packets);
        await checkMirror(capture, summary, await server.seen(), { program: "curl", role: "client" });
      })
    ),
});

Deno.test({
  name: "live: Suricata sees what nginx serves, over IPv4 and IPv6, on the interface as in the file",
  ...skipIf(lacking),
  fn: () =>
    withFixture((fixture) =>
      withIds(fixture, async (near, ids, packets) => {
        const capture = fixture.path("live.pcapng");
        const connections: Connection[] = Array.from(
          { length: 10 },
          () =>
            [1, 1000, 16_384, 150_000].flatMap((size) => [get(fixture.body(size)), put(fixture.body(size))]),
        );
        await using agent = await Agent.start("source", fixture, capture, "-o", near);
        await using nginx = await Nginx.start(fixture, agent.hookEnvironment);
        for (const hostname of ["127.0.0.1", "::1"] as const) {
          await curlPeer(connections, { hostname, port: nginx.port }, fixture);
        }
        await nginx.stop();
        const { total, sinks } = await agent.stop();
        assert.deepEqual([total.flows, total.imbalance], [20, 0]);
        assert.deepEqual(total.forged, total.captured);
        assert.deepEqual(sinks.map(({ written }) => written), [total.packets, total.packets]);
        assert.equal(await packets(), total.packets, "packets that the far end received");
        await ids.decoded(total.packets);
        const events = await ids.stop();
        assert.equal(httpOf(events).length, 160);
        await checkLive(events, capture, total.packets);
      })
    ),
});
