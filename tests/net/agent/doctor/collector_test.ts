// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { collectorFindings, visitFindings } from "../../../../net/agent/doctor/collector.ts";
import { linkHead, type LinkMessage } from "../../../../net/link/blocks/link.ts";
import { parseTarget } from "../../../../net/link/target.ts";
import { FakeCollector } from "../../../support/fake_collector.ts";
import { freePort } from "../../../support/free_port.ts";
import { startLinkServer, TestLog, withPki } from "../../../support/link_harness.ts";

const HOUR_MS = 3_600_000;
const OWN = { application: "test", credentials: undefined };

Deno.test("doctor: a collector is visited as the agent would, and says its version", () =>
  withPki(async (pki) => {
    const log = new TestLog();
    const server = await startLinkServer(pki, `${pki.folder}/out.pcapng`, log);
    const target = parseTarget(`127.0.0.1:${server.port}`);
    const own = { application: "test", credentials: pki.agent };
    const subject = `collector 127.0.0.1:${server.port}`;
    assert.deepEqual(await collectorFindings(target, own), [
      { subject, state: "ok", text: "takes this host's packets; the version of this host" },
    ]);
    await log.find(/agent web1 .* gone: it ended; 0 packets/);
    const [other] = await collectorFindings(target, { ...own, application: "newer" });
    assert.equal(other.text, "takes this host's packets; test, this host has newer");
    const [longer] = await collectorFindings(target, { ...own, mtu: 100_000 });
    assert.deepEqual([longer.state, longer.fix], ["broken", "set mtu = 65535 in /etc/sslcollector.toml"]);
    await server.close();
    assert.equal(server.agents.get("web1")!.packets, 0);
  }));

Deno.test("doctor: a collector that lets this host not in says why", () =>
  withPki(async (pki) => {
    const server = await startLinkServer(pki, `${pki.folder}/out.pcapng`, new TestLog(), { allow: ["web2"] });
    const [{ state, text, fix }] = await collectorFindings(parseTarget(`127.0.0.1:${server.port}`), {
      application: "test",
      credentials: pki.agent,
    });
    assert.equal(state, "broken");
    assert.match(text, /^takes nothing of this host: it refuses: agent "web1" is not on the list/);
    assert.equal(fix, "sslcollector pki show, here and there");
    await server.close();
  }));

Deno.test("doctor: a collector that speaks TLS is told from one that is none", () =>
  withPki(async (pki) => {
    const server = await startLinkServer(pki, `${pki.folder}/out.pcapng`, new TestLog());
    const [{ text, fix }] = await collectorFindings(parseTarget(`tcp://127.0.0.1:${server.port}`), OWN);
    assert.equal(text, "takes nothing of this host: collector speaks TLS: leave tcp:// out");
    assert.match(fix!, new RegExp(`^-t 127\\.0\\.0\\.1:${server.port}, `));
    await server.close();
  }));

Deno.test("doctor: nobody who listens is told with the port", async () => {
  const target = parseTarget(`tcp://127.0.0.1:${freePort()}`);
  const [{ state, text, fix }] = await collectorFindings(target, OWN);
  assert.equal(state, "broken");
  assert.match(text, /ECONNREFUSED/);
  assert.equal(fix, `start sslcollector -C there, and let port ${target.port} through`);
});

Deno.test("doctor: a collector whose clock is another's is told how far it is, and one that does not say is left alone", async () => {
  const welcome = (turn: number, say: (message: LinkMessage) => void) =>
    say(turn === 0 ? { kind: "welcome", have: 0, mtu: 1500 } : { kind: "ack", have: 0 });
  const apart = async (clockMs: number | undefined) => {
    await using collector = new FakeCollector(welcome, linkHead("test", "collector", clockMs));
    return await collectorFindings(parseTarget(collector.target), OWN);
  };
  for (
    const [byMs, told] of [[HOUR_MS, /^its clock is 3[56]\d\d\.\d s ahead$/], [
      -HOUR_MS,
      /s behind$/,
    ]] as const
  ) {
    const [, { state, text, fix }] = await apart(Date.now() + byMs);
    assert.equal(state, "warning");
    assert.match(text, told);
    assert.match(fix!, /^timedatectl /);
  }
  assert.equal((await apart(undefined)).length, 1);
});

Deno.test("doctor: clocks that may be the same are no finding", () => {
  const visited = { application: "test", clockMs: 0, mtu: 1500, aheadMs: 999 };
  assert.equal(visitFindings("it", visited, OWN).length, 1);
  assert.equal(visitFindings("it", { ...visited, aheadMs: -1000 }, OWN).length, 2);
});
