// SPDX-License-Identifier: MIT
/** Connections in use while certificates, lists and time go on. */
import assert from "node:assert/strict";
import { daysFrom } from "../../../net/pki/issue.ts";
import { LiveCredentials } from "../../../net/pki/live_credentials.ts";
import type { CredentialsPlace } from "../../../net/pki/load.ts";
import { loadCredentials } from "../../../net/pki/load.ts";
import { renewIn, revokeIn } from "../../../net/pki/store.ts";
import { CompanyPki } from "../../support/company_pki.ts";
import { remoteSink, startLinkServer, TestLog, type TestPki, withPki } from "../../support/link_harness.ts";
import { assertEachOnce, NumberedPackets, numbersIn } from "../../support/link_packets.ts";
import { missing, withTempDir } from "../../support/run.ts";
import { skipIf } from "../../support/skip.ts";
import { until } from "../../support/until.ts";

/** What the issue asks for between a change and its effect. */
const CUT_MS = 5000;

/** Credentials that follow their directory as those of the command line do. */
function follow(
  place: CredentialsPlace,
  log: TestLog,
  changed: LiveCredentials["events"]["changed"] = () => {},
) {
  return LiveCredentials.open(place, { changed, failed: log.add, warned: log.add });
}

interface Living {
  readonly pki: TestPki;
  readonly log: TestLog;
  readonly packets: NumberedPackets;
}

/** A link in use; both ends follow the directory. `change` must have it cut, with the reason told on both sides. */
async function cut(pki: TestPki, reason: RegExp, change: (living: Living) => unknown): Promise<void> {
  const log = new TestLog();
  const { directory, folder } = pki;
  const hub = await follow(
    { directory, role: "collector" },
    log,
    (changed) => server.setCredentials(changed),
  );
  const server = await startLinkServer(pki, `${folder}/out.pcapng`, log, { credentials: hub.current });
  const sink = remoteSink(`127.0.0.1:${server.port}`, pki.agent, log, { stalledMs: 20 });
  const packets = new NumberedPackets((batch) => sink.write(batch));
  packets.make(10);
  await until("packets written", () => sink.counters.written === 10);
  const startMs = performance.now();
  await change({ pki, log, packets });
  await log.find(new RegExp(`^agent web1 .* gone: ${reason.source}; 10 packets`));
  const tookMs = performance.now() - startMs;
  await log.find(new RegExp(`: closed by the collector: ${reason.source}; trying again$`));
  await log.find(new RegExp(`^refused 127.*: ${reason.source}$`));
  const [{ name, reason: told }] = server.refused;
  assert.equal(name, "web1");
  assert.match(told, reason);
  assert.ok(tookMs < CUT_MS, `after ${tookMs} ms`);
  packets.make(10);
  await sink.close();
  hub.close();
  await server.close();
  assertEachOnce(numbersIn(await Deno.readFile(`${folder}/out.pcapng`)), 10);
}

Deno.test("an agent that is revoked while connected is cut, and both sides say why", () =>
  withPki((pki) =>
    cut(pki, /certificate "web1" is revoked \(serial [0-9a-f]+\)/, () => {
      assert.equal(revokeIn(pki.directory, "web1", new Date()).length, 1);
      assert.equal(revokeIn(pki.directory, "web1", new Date()).length, 0, "once");
    })
  ));

Deno.test("an agent that is off the list while connected is cut, and both sides say why", () =>
  withPki((pki) => {
    const list = `${pki.directory}/allowed.txt`;
    Deno.writeTextFileSync(list, "web*\n");
    return cut(
      pki,
      /agent "web1" is not on the list of those allowed/,
      () => Deno.writeTextFileSync(list, "# web* is over\nmail1\nweb.*\n"),
    );
  }));

Deno.test("an agent whose certificate expires while connected is cut, and both sides say why", () =>
  withPki(async (pki) => {
    const { directory } = pki;
    // The collector's own is valid for longer.
    await renewIn(directory, "agent", "web1", daysFrom(Date.now(), 1));
    const agent = await loadCredentials({ directory, role: "agent" });
    const now = Date.now;
    try {
      await cut({ ...pki, agent }, /certificate "web1" expired on \S+/, () => {
        Date.now = () => agent.validToMs + 1000;
      });
    } finally {
      Date.now = now;
    }
  }));

Deno.test({
  name: "an agent on a new revocation list of the company, or whose CA goes, is cut",
  ...skipIf(missing("openssl")),
  fn: () =>
    withTempDir(async (folder) => {
      const company = await CompanyPki.make(`${folder}/corp`, "p256");
      await company.issue({ file: "hub", subject: "/CN=hub", alternatives: "IP:127.0.0.1" });
      await company.issue({ file: "web1", subject: "/CN=web1" });
      const directory = `${folder}/pki`;
      const authorities = ["issuing", "root"].map((name) =>
        Deno.readTextFileSync(company.path(`${name}.crt`))
      );
      const ways: [RegExp, () => unknown][] = [
        [
          /certificate "web1" is revoked \(serial [0-9a-f]+ of its CA's list\)/,
          () => company.revoke("web1", `${directory}/corp.crl`),
        ],
        [/certificate "web1" of another CA/, async () => {
          const other = await CompanyPki.make(`${folder}/other`, "p256");
          await other.issue({ file: "hub", subject: "/CN=hub", alternatives: "IP:127.0.0.1" });
          await Deno.copyFile(other.path("root.crt"), `${directory}/ca.crt`);
          for (const kind of ["crt", "key"]) {
            await Deno.copyFile(other.path(`hub.${kind}`), `${directory}/collector-hub.${kind}`);
          }
        }],
      ];
      for (const [reason, change] of ways) {
        await Deno.mkdir(directory);
        await Deno.writeTextFile(`${directory}/ca.crt`, authorities.join(""));
        for (const [from, to] of [["hub", "collector-hub"], ["web1", "agent-web1"]]) {
          await Deno.copyFile(company.path(`${from}.crt`), `${directory}/${to}.crt`);
          await Deno.writeTextFile(
            `${directory}/${to}.key`,
            await Deno.readTextFile(company.path(`${from}.key`)),
            {
              mode: 0o600,
            },
          );
        }
        const collector = await loadCredentials({ directory, role: "collector" });
        const agent = await loadCredentials({ directory, role: "agent" });
        const work = await Deno.makeTempDir({ dir: folder });
        const log = new TestLog();
        const hub = await follow(
          { directory, role: "collector" },
          log,
          (changed) => server.setCredentials(changed),
        );
        const pki = { folder: work, directory, collector, agent };
        const server = await startLinkServer(pki, `${work}/out.pcapng`, log);
        const sink = remoteSink(`127.0.0.1:${server.port}`, agent, log, { stalledMs: 20 });
        await log.find(/collector takes packets/);
        await change();
        await log.find(new RegExp(`^agent web1 .* gone: ${reason.source}`));
        await log.find(new RegExp(`: closed by the collector: ${reason.source}; trying again$`));
        await sink.close();
        hub.close();
        await server.close();
        await Deno.remove(directory, { recursive: true });
      }
    }),
});

Deno.test("a collector that is revoked while connected gets no more, and its agent says why", () =>
  withPki(async (pki) => {
    const log = new TestLog();
    const { directory } = pki;
    const live = await follow({ directory, role: "agent" }, log);
    const server = await startLinkServer(pki, `${pki.folder}/out.pcapng`, log);
    const sink = remoteSink(`127.0.0.1:${server.port}`, pki.agent, log, {
      credentials: () => live.current,
      stalledMs: 20,
    });
    await log.find(/collector takes packets/);
    revokeIn(directory, "hub", new Date());
    await log.find(/: lost: collector's certificate "hub" is revoked \(serial \w+\); trying again$/);
    await log.find(/: collector showed a certificate "hub" is revoked \(serial \w+\); trying again$/);
    await sink.close();
    live.close();
    await server.close();
  }));

Deno.test("certificates that are renewed while packets flow lose none", () =>
  withPki(async (pki) => {
    const log = new TestLog();
    const { directory, folder } = pki;
    const hub = await follow({ directory, role: "collector" }, log, (changed) =>
      server.setCredentials(changed));
    const web = await follow({ directory, role: "agent" }, log);
    const server = await startLinkServer(pki, `${folder}/out.pcapng`, log, { credentials: hub.current });
    const sink = remoteSink(`127.0.0.1:${server.port}`, pki.agent, log, {
      credentials: () =>
        web.current,
    });
    const packets = new NumberedPackets(
      (batch) =>
        sink.write(batch),
      10,
      1000,
    );
    let isOver = false;
    const making = (async () => {
      while (!isOver) {
        if (sink.queuedBytes < 2 << 20) packets.make(100);
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    })();
    const before = { hub: hub.current, web: web.current };
    for (const [role, name, live] of [["collector", "hub", hub], ["agent", "web1", web]] as const) {
      await renewIn(directory, role, name, daysFrom(Date.now(), 90));
      await until(
        "a certificate read again",
        () => live.current.certificate !== before[role === "agent" ? "web" : "hub"].certificate,
      );
    }
    assert.equal(web.current.key, before.web.key);
    await log.find(/this agent's certificate is another now: connecting again$/);
    await until(
      "a second connection",
      () => log.lines.filter((line) => /collector takes packets/.test(line)).length > 1,
    );
    const written = sink.counters.written;
    await until("packets on it", () => sink.counters.written > written);
    isOver = true;
    await making;
    await sink.flush();
    await sink.close();
    for (const live of [hub, web]) {
      live.close();
    }
    await server.close();
    assert.equal(sink.counters.written, packets.count);
    assertEachOnce(numbersIn(await Deno.readFile(`${folder}/out.pcapng`)), packets.count);
    assert.deepEqual([...server.agents.get("web1")!.lost], []);
  }));
