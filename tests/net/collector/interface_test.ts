// SPDX-License-Identifier: MIT
/** A collector whose interface changes while agents send. */
import assert from "node:assert/strict";
import type { LinkServer } from "../../../net/collector/link_server.ts";
import type { RemoteSink } from "../../../net/link/remote_sink.ts";
import { remoteSink, startLinkServer, TestLog, withPki } from "../../support/link_harness.ts";
import { NumberedPackets } from "../../support/link_packets.ts";
import { inNamespace, netnsMissing, received, type Veth, withVeth } from "../../support/netns.ts";
import { PATIENT_AGENT } from "../../support/patience.ts";
import { runOk } from "../../support/run.ts";
import { skipIf } from "../../support/skip.ts";
import { until } from "../../support/until.ts";

const MTU = 1600;
const FRAME = MTU + 14;
/** Of five seconds, so that all goes fifty times as fast. */
const HEARTBEAT_MS = 100;

interface Scene {
  readonly veth: Veth;
  readonly log: TestLog;
  readonly sink: RemoteSink;
  readonly server: LinkServer;
  /** Whole frames of the agent's MTU. */
  readonly packets: NumberedPackets;
}

/** An agent that sends to a collector with the near end; whatever `change` does, each packet comes out of the far one once, or is counted. */
function checkThrough(change: (scene: Scene) => Promise<void>, heartbeatMs?: number): Promise<void> {
  return withPki((pki) =>
    withVeth(async (veth) => {
      const log = new TestLog();
      const patience = heartbeatMs === undefined ? {} : { heartbeatMs };
      const server = await startLinkServer(pki, veth.near, log, { workers: 1, ...patience });
      const sink = remoteSink(`127.0.0.1:${server.port}`, pki.agent, log, {
        mtu: MTU,
        backoffMaxMs: 20,
        ...PATIENT_AGENT,
        ...patience,
      });
      const packets = new NumberedPackets((batch) => sink.write(batch), 10, FRAME);
      packets.make(100);
      await sink.flush();
      await change({ veth, log, sink, server, packets });
      await sink.flush();
      await sink.close();
      await server.close();
      const { packets: arrived, dropped } = await received(veth);
      const [{ counters }] = server.sinks;
      assert.equal(arrived + dropped, counters.written);
      // The kernel takes frames until it has noticed that nobody is there.
      const { written, dropped: lost } = counters;
      assert.equal(written + (lost.get("no-carrier") ?? 0), packets.count);
      assert.equal(sink.counters.written, packets.count);
    }, MTU)
  );
}

Deno.test({
  name: "an MTU that changes three times is told to agents: whoever sends more waits, and nothing is lost",
  ...skipIf(netnsMissing()),
  fn: () =>
    checkThrough(async ({ veth, log, sink, server, packets }) => {
      const resize = (mtu: number) => runOk("ip", "link", "set", veth.near, "mtu", String(mtu));
      await resize(1400);
      packets.make(100);
      await log.find(/: closed by the collector: packets of at most 1400 bytes are taken from now on;/);
      await log.find(/takes IP packets of at most 1400 bytes and this agent sends up to 1600: /);
      assert.equal(sink.counters.written, 100);
      await resize(9000);
      await sink.flush();
      assert.equal(server.mtu, 9000);
      await resize(MTU);
      packets.make(100);
    }),
});

Deno.test({
  name: "a carrier that is lost for longer than an end stays silent costs no packet",
  ...skipIf(netnsMissing()),
  fn: () =>
    checkThrough(async ({ veth, log, sink, packets }) => {
      await inNamespace(veth, "ip", "link", "set", veth.far, "down");
      await until("the loss to be seen", () => {
        packets.make(1);
        return log.lines.find((line) => /wait with the agents until/.test(line));
      });
      const { written } = sink.counters;
      // Either end gives the other up after three of its heartbeats.
      await new Promise((resolve) => setTimeout(resolve, 10 * HEARTBEAT_MS));
      packets.make(100);
      assert.equal(sink.counters.written, written);
      await inNamespace(veth, "ip", "link", "set", veth.far, "up");
    }, HEARTBEAT_MS),
});
