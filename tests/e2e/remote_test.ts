// SPDX-License-Identifier: MIT
/** Agents that mirror to collectors over mutual TLS, from the command line. */
import assert from "node:assert/strict";
import { FakeCollector } from "../support/fake_collector.ts";
import { freePort } from "../support/free_port.ts";
import { judge, judgeMissing } from "../ids/judge.ts";
import { addAddresses, netnsMissing, withVeth } from "../support/netns.ts";
import { missing } from "../support/run.ts";
import { skipIf } from "../support/skip.ts";
import { Child } from "./support/child.ts";
import {
  MAIN_ARGS,
  mirrorOptions,
  type Mode,
  modeMissing,
  MODES,
  runSslcollector,
  startSslcollector,
  summaryOf,
} from "./support/sslcollector.ts";
import { type Fixture, withFixture } from "./support/fixture.ts";
import { BodyServer, clientsOf, Collector, makePki } from "./support/collector.ts";

const lacking = missing("curl", "openssl", "tshark");
const REQUESTS = 20;

/** `run` with these options. */
function mirror(mode: Mode, fixture: Fixture, options: readonly string[], program: readonly string[]) {
  return runSslcollector(mode, fixture, [
    "run",
    "--summary",
    "json",
    "--quiet",
    ...options,
    "--",
    ...program,
  ]);
}

Deno.test({
  name:
    "remote: programs in one namespace, collector and IDS in another: it finds what it finds on a local capture",
  ...skipIf(lacking, netnsMissing(), judgeMissing()),
  fn: () =>
    withFixture((fixture) =>
      withVeth(async (veth) => {
        await addAddresses(veth);
        const pki = await makePki(fixture, [veth.nearAddress]);
        const body = fixture.body(50_000);
        await using server = new Child("ip", {
          args: [
            ...["netns", "exec", veth.namespace, "openssl", "s_server", "-accept", "127.0.0.1:8443", "-WWW"],
            ...["-cert", fixture.certificate, "-key", fixture.key],
          ],
          cwd: fixture.bodies,
        });
        await server.found("stdout", /ACCEPT/);
        const [local, remote] = [fixture.path("local.pcapng"), fixture.path("remote.pcapng")];
        await using collector = await Collector.start(
          "source",
          fixture,
          remote,
          "-L",
          `${veth.nearAddress}:0`,
          ...pki,
        );
        const options = [...mirrorOptions(local), "-t", `${veth.nearAddress}:${collector.port}`, ...pki];
        const urls = Array.from({ length: REQUESTS }, () => `https://localhost:8443/${body.name}`);
        const outputs = urls.flatMap(() => ["-o", "/dev/null"]);
        const agent = new Child("ip", {
          args: [
            ...["netns", "exec", veth.namespace, Deno.execPath(), ...MAIN_ARGS, "run"],
            ...[...options, "--", "curl", "-sS", "--cacert", fixture.certificate, ...outputs, ...urls],
          ],
          env: { SSLCOLLECTOR_CONFIG: "/dev/null", NO_COLOR: "1" },
        });
        const ended = await agent.ended;
        assert.equal(ended.code, 0, ended.stderr);
        const { summary } = await collector.stop();
        assert.deepEqual(
          summary.agents.map(({ name, address, packets }) => [name, address.split(":")[0], packets]),
          [["web1", veth.farAddress, summaryOf(ended).total.packets]],
        );
        const [here, there] = [await judge(local), await judge(remote)];
        assert.deepEqual(there, here);
        assert.equal(there.http.length, REQUESTS);
        assert.ok(
          there.files.every(({ size, state, gaps }) => size === body.length && state === "CLOSED" && !gaps),
        );
      })
    ),
});

for (const mode of MODES) {
  Deno.test({
    name: `remote (${mode}): two collectors share the connections, each whole, and the books agree`,
    ...skipIf(lacking, modeMissing(mode)),
    fn: () =>
      withFixture(async (fixture) => {
        const pki = await makePki(fixture);
        await using server = new BodyServer(fixture);
        const captures = ["a", "b", "local"].map((name) => fixture.path(`${name}.pcapng`));
        await using first = await Collector.start(mode, fixture, captures[0], ...pki);
        await using second = await Collector.start(mode, fixture, captures[1], "--workers", "1", ...pki);
        const targets = [first, second].flatMap(({ port }) => ["-t", `127.0.0.1:${port}`]);
        const program = server.curl(fixture.body(16_384).name, REQUESTS);
        const ended = await mirror(mode, fixture, ["-o", captures[2], ...targets, ...pki], program);
        assert.equal(ended.code, 0, ended.stderr);
        const stopped = [await first.stop(), await second.stop()];
        const agent = summaryOf(ended);
        const arrived = stopped.map(({ summary }) => summary.agents.map(({ packets }) => packets));
        assert.equal(arrived.flat().reduce((sum, packets) => sum + packets, 0), agent.total.packets);
        for (const [index, { summary }] of stopped.entries()) {
          assert.deepEqual([summary.sinks[0].written], arrived[index]);
          assert.deepEqual(summary.agents.map(({ name, lost, duplicates }) => [name, lost, duplicates]), [
            ["web1", {}, 0],
          ]);
        }
        const [a, b, all] = await Promise.all(captures.map(clientsOf));
        assert.equal(all.size, REQUESTS);
        assert.ok(a.size > 0 && b.size > 0, `${a.size} and ${b.size} connections`);
        assert.equal(a.union(b).size, REQUESTS);
        assert.equal(a.intersection(b).size, 0);
      }),
  });
}

Deno.test({
  name: "remote: what no collector took stays in the spool, and a later run delivers it",
  ...skipIf(lacking),
  fn: () =>
    withFixture(async (fixture) => {
      const pki = await makePki(fixture);
      await using server = new BodyServer(fixture);
      const program = server.curl(fixture.body(16_384).name, 3);
      const capture = fixture.path("remote.pcapng");
      const port = freePort();
      const remote = ["-t", `127.0.0.1:${port}`, "--spool", fixture.path("spool"), ...pki];
      const without = await mirror("source", fixture, remote, program);
      assert.equal(without.code, 0, without.stderr);
      assert.deepEqual(
        summaryOf(without).sinks.map(({ written, kept, dropped }) => [written, kept, dropped]),
        [
          [0, summaryOf(without).total.packets, {}],
        ],
      );

      await using collector = await Collector.start(
        "source",
        fixture,
        capture,
        ...["-L", `127.0.0.1:${port}`, ...pki],
      );
      const withOne = await mirror("source", fixture, remote, program);
      assert.equal(withOne.code, 0, withOne.stderr);
      const { summary } = await collector.stop();
      const forged = summaryOf(without).total.packets + summaryOf(withOne).total.packets;
      assert.equal(summary.sinks[0].written, forged);
      assert.equal((await clientsOf(capture)).size, 6);
    }),
});

Deno.test({
  name: "remote: what the spool has for one collector goes to no other, and is told of until it is sent",
  ...skipIf(lacking),
  fn: () =>
    withFixture(async (fixture) => {
      const pki = await makePki(fixture);
      await using server = new BodyServer(fixture);
      const program = server.curl(fixture.body(100).name, 1);
      const captures = ["a", "b"].map((name) => fixture.path(`${name}.pcapng`));
      const gone = freePort();
      const spool = fixture.path("spool");
      const run = async (...ports: number[]) => {
        const targets = ports.flatMap((port) => ["-t", `127.0.0.1:${port}`]);
        const ended = await mirror("source", fixture, [...targets, "--spool", spool, ...pki], program);
        assert.equal(ended.code, 0, ended.stderr);
        return { sinks: summaryOf(ended).sinks, stderr: ended.stderr };
      };
      const { kept } = (await run(gone)).sinks[0];
      assert.ok(kept > 0);
      await using other = await Collector.start("source", fixture, captures[1], ...pki);
      const told = new RegExp(
        ` sslcollector: warning: ${spool}/127\\.0\\.0\\.1-${gone} has packets for a collector that this run does not mirror to`,
        "m",
      );
      const without = await run(other.port);
      assert.match(without.stderr, told);
      const own = without.sinks[0].written;
      await using back = await Collector.start(
        "source",
        fixture,
        captures[0],
        ...["-L", `127.0.0.1:${gone}`, ...pki],
      );
      const both = await run(other.port, gone);
      assert.doesNotMatch(both.stderr, told);
      const [forOther, forBack] = both.sinks.map(({ written }) => written);
      assert.equal(forOther + forBack, own + kept);
      assert.equal((await back.stop()).summary.sinks[0].written, forBack);
      assert.equal((await other.stop()).summary.sinks[0].written, own + forOther);
    }),
});

Deno.test({
  name: "remote: a wait for the collector at the end is told, and a signal ends it",
  ...skipIf(lacking),
  fn: () =>
    withFixture(async (fixture) => {
      await using collector = new FakeCollector((turn, say) =>
        turn === 0 && say({ kind: "welcome", have: 0, mtu: 1500 })
      );
      await using server = new BodyServer(fixture);
      const temporary = fixture.path("temporary");
      await Deno.mkdir(temporary);
      const args = ["run", "--quiet", "-t", collector.target, "--", ...server.curl(fixture.body(1).name, 1)];
      await using agent = await startSslcollector("source", fixture, args, { env: { TMPDIR: temporary } });
      await agent.found(
        "stderr",
        / sslcollector: info: tcp:\S+: \d+ packets wait for the collector, as long as it takes some every 5 s, for 29 s more at most; Ctrl-C or SIGTERM now/m,
      );
      agent.kill("SIGTERM");
      const { code, stderr } = await agent.ended;
      assert.equal(code, 143);
      assert.deepEqual([...Deno.readDirSync(temporary)], [], "no runtime directory is left");
      assert.doesNotMatch(stderr, /^sslcollector: total/m);
    }),
});

Deno.test({
  name: "remote: an agent that is not on the list sends nothing, and both sides say so",
  ...skipIf(lacking),
  fn: () =>
    withFixture(async (fixture) => {
      const pki = await makePki(fixture, ["127.0.0.1"], ["web1", "web2"]);
      await using server = new BodyServer(fixture);
      const program = server.curl(fixture.body(1).name, 1);
      const capture = fixture.path("remote.pcapng");
      await using collector = await Collector.start("source", fixture, capture, "--allow", "web2", ...pki);
      const as = (name: string) =>
        mirror("source", fixture, ["-t", `127.0.0.1:${collector.port}`, "--identity", name, ...pki], program);
      // Whoever is refused waits a while at its end.
      const [refused, taken] = await Promise.all([as("web1"), as("web2")]);
      assert.equal(refused.code, 0);
      assert.deepEqual(summaryOf(refused).sinks[0].written, 0);
      assert.match(
        refused.stderr,
        / sslcollector: warning: 127\.0\.0\.1:\d+: refused by the collector: agent "web1" is not on the list/m,
      );
      assert.deepEqual(summaryOf(taken).sinks[0].dropped, {});
      const { summary, stderr } = await collector.stop();
      assert.match(stderr, / sslcollector: warning: .*web1.*allow/m);
      assert.deepEqual(summary.agents.map(({ name }) => name), ["web2"]);
      assert.equal(summary.sinks[0].written, summaryOf(taken).total.packets);
    }),
});

Deno.test({
  name: "remote: plain TCP only where both sides ask for it, and both say so",
  ...skipIf(lacking),
  fn: () =>
    withFixture(async (fixture) => {
      const pki = await makePki(fixture);
      await using server = new BodyServer(fixture);
      const program = server.curl(fixture.body(1).name, 1);
      const [open, closed] = [fixture.path("open.pcapng"), fixture.path("closed.pcapng")];
      await using plain = await Collector.start("source", fixture, open, "--insecure-plaintext");
      await using secure = await Collector.start("source", fixture, closed, ...pki);
      const written = async (...options: string[]) => {
        const ended = await mirror("source", fixture, options, program);
        assert.equal(ended.code, 0, ended.stderr);
        return { sink: summaryOf(ended).sinks[0], stderr: ended.stderr };
      };
      const both = await written("-t", `tcp://127.0.0.1:${plain.port}`);
      assert.ok(both.sink.written > 0);
      assert.match(both.stderr, / sslcollector: warning: tcp:.* PLAINTEXT/m);
      // Both wait a while at their end.
      const wrong = [["-t", `127.0.0.1:${plain.port}`, ...pki], ["-t", `tcp://127.0.0.1:${secure.port}`]];
      for (const { sink } of await Promise.all(wrong.map((options) => written(...options)))) {
        assert.equal(sink.written, 0);
      }
      const { summary, stderr } = await plain.stop();
      assert.equal(summary.sinks[0].written, both.sink.written);
      assert.match(stderr, / sslcollector: warning: agents are taken IN PLAINTEXT/m);
      assert.equal((await secure.stop()).summary.sinks[0].written, 0);
    }),
});

Deno.test({
  name: "remote: certificates are read again on SIGHUP, and the connection goes on",
  ...skipIf(lacking),
  fn: () =>
    withFixture(async (fixture) => {
      const pki = await makePki(fixture);
      await using collector = await Collector.start("source", fixture, fixture.path("remote.pcapng"), ...pki);
      const names = ["crt", "key"].map((ending) => fixture.path(`pki/collector-hub.${ending}`));
      for (const name of names) await Deno.remove(name);
      const issue = ["pki", "issue", "collector", "hub", "--san", "127.0.0.1", ...pki];
      assert.equal((await runSslcollector("source", fixture, issue)).code, 0);
      collector.child.kill("SIGHUP");
      await collector.child.found("stderr", / sslcollector: info: certificates were read again: hub$/m);
      await collector.stop();
    }),
});
