// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { CollectorState } from "../../../net/collector/collector_state.ts";
import { fileProgress, resumeFile } from "../../../net/collector/file_progress.ts";
import type { FileProgress } from "../../../net/sinks/sink_files.ts";
import { parseListenAddress, parseTarget } from "../../../net/link/target.ts";
import { freePort } from "../../support/free_port.ts";
import { remoteSink, startLinkServer, TestLog, withPki } from "../../support/link_harness.ts";
import { assertEachOnce, NumberedPackets, numbersIn } from "../../support/link_packets.ts";
import { cuttingProxy } from "../../support/cutting_proxy.ts";
import { mountMissing } from "../../support/mount.ts";
import { runOk, withTempDir } from "../../support/run.ts";
import { skipIf } from "../../support/skip.ts";
import { until } from "../../support/until.ts";

Deno.test("state: sessions and files survive, a torn line does not hurt, growth is bounded", () =>
  withTempDir((folder) => {
    const path = `${folder}/state`;
    Deno.writeTextFileSync(`${folder}/out`, "0123456789");
    const file = fileProgress(`${folder}/out`)!;
    const state = new CollectorState(path, 1);
    assert.throws(() => new CollectorState(path, 1), /another process has it/);
    for (let have = 1; have <= 90_000; have++) state.commit(`web1/${have % 3}`, have, [file]);
    assert.ok(Deno.statSync(path).size < 8_500_000);
    state.close();
    Deno.writeTextFileSync(path, '{"session":"web1/0","have":99', { append: true });
    const again = new CollectorState(path, 1);
    assert.deepEqual([...again.sessions].sort(), [["web1/0", 90_000], ["web1/1", 89_998], [
      "web1/2",
      89_999,
    ]]);
    assert.deepEqual(again.files, [file]);
    again.close();
  }));

Deno.test("agents that come while the collector ends do not hold it up", () =>
  withPki(async (pki) => {
    const log = new TestLog();
    const port = freePort();
    let server = await startLinkServer(pki, "/dev/null", log, { port });
    const sinks = Array.from(
      { length: 20 },
      () => remoteSink(`127.0.0.1:${port}`, pki.agent, log, { backoffMaxMs: 60 }),
    );
    for (let round = 0; round < 10; round++) {
      await new Promise((resolve) => setTimeout(resolve, 20 * round));
      await server.close();
      if (round < 9) server = await startLinkServer(pki, "/dev/null", log, { port });
    }
    for (const sink of sinks) await sink.close();
  }));

Deno.test("a second collector on a port is told that it is taken, whatever its threads", () =>
  withPki(async (pki) => {
    const log = new TestLog();
    const first = await startLinkServer(pki, "/dev/null", log, { workers: 2 });
    const { port } = first;
    const out = `${pki.folder}/out.pcapng`;
    await Deno.writeTextFile(out, "another's");
    for (const workers of [0, 1, 2]) {
      await assert.rejects(startLinkServer(pki, out, log, { workers, port }), { code: "EADDRINUSE" });
    }
    assert.equal(await Deno.readTextFile(out), "another's", "no file was touched");
    await first.close();
  }));

Deno.test("state: what was written behind the last commit is cut, another file is left alone", () =>
  withTempDir((folder) => {
    const path = `${folder}/out`;
    const log = new TestLog();
    const resume = () => resumeFile(path, [committed], "pcapng", false, log.add);
    Deno.writeTextFileSync(path, "0123456789");
    const committed = fileProgress(path)!;
    Deno.writeTextFileSync(path, "abc", { append: true });
    assert.equal(resume(), 10);
    assert.equal(Deno.readTextFileSync(path), "0123456789");
    Deno.renameSync(path, `${path}.1`);
    assert.equal(resume(), undefined);
    assert.deepEqual(log.lines, []);
    Deno.writeTextFileSync(path, "another file, and longer");
    assert.equal(resume(), undefined);
    assert.match(log.lines[0], /not the file that was written before; moved to .*out\.old-1$/);
    assert.equal(Deno.readTextFileSync(`${path}.old-1`), "another file, and longer");
    assert.equal(Deno.readTextFileSync(`${path}.1`), "0123456789");
  }));

Deno.test("state: a file that others moved or cut since the last commit is cut to that, wherever it is", () =>
  withTempDir((folder) => {
    const path = `${folder}/out`;
    const log = new TestLog();
    const resume = (files: FileProgress[]) => resumeFile(path, files, "pcapng", false, log.add);
    Deno.writeTextFileSync(path, "0123456789");
    const moved = fileProgress(path)!;
    Deno.writeTextFileSync(path, "uncommitted", { append: true });
    Deno.renameSync(path, `${path}.1`);
    Deno.writeTextFileSync(path, "begun since");
    const begun = { ...fileProgress(path)!, size: 0 };
    assert.equal(resume([moved, begun]), undefined);
    assert.equal(Deno.readTextFileSync(`${path}.1`), "0123456789");
    assert.equal(Deno.readTextFileSync(path), "");

    Deno.writeTextFileSync(path, "0123456789");
    const cut = fileProgress(path)!;
    Deno.writeTextFileSync(path, "head");
    assert.equal(resume([cut, { ...cut, size: 0 }]), undefined);
    assert.equal(Deno.readTextFileSync(path), "");
    assert.deepEqual([log.lines, [...Deno.readDirSync(folder)].length], [[], 2]);
  }));

Deno.test("a collector that was ended and started again goes on with its file; one that was moved away stays", () =>
  withPki(async (pki) => {
    const out = `${pki.folder}/out.pcapng`;
    const statePath = `${pki.folder}/state`;
    const log = new TestLog();
    const packets = new NumberedPackets((batch) => sink.write(batch));
    let sink!: ReturnType<typeof remoteSink>;
    for (let round = 0; round < 3; round++) {
      if (round === 2) await Deno.rename(out, `${out}.1`);
      const server = await startLinkServer(pki, out, log, { statePath });
      sink = remoteSink(`127.0.0.1:${server.port}`, pki.agent, log);
      packets.make(100);
      await sink.flush();
      await sink.close();
      await server.close();
    }
    assertEachOnce(numbersIn(await Deno.readFile(`${out}.1`)), 200);
    assert.deepEqual(numbersIn(await Deno.readFile(out))[0], 200);
  }));

Deno.test("an agent whose packets are longer than the collector takes is told so, and sends none", () =>
  withPki(async (pki) => {
    const log = new TestLog();
    const server = await startLinkServer(pki, `${pki.folder}/out.pcapng`, log, {
      sinkOptions: { mtu: 1400 },
    });
    const sink = remoteSink(`127.0.0.1:${server.port}`, pki.agent, log, { stalledMs: 50 });
    new NumberedPackets((batch) => sink.write(batch)).make(10);
    await log.find(
      /takes IP packets of at most 1400 bytes and this agent sends up to 1500: start it with --mtu 1400/,
    );
    await sink.close();
    await server.close();
    assert.equal(sink.counters.dropped.get("not-acknowledged"), 10);
  }));

Deno.test({
  name: "a full disk ends the collector; what it did not acknowledge is sent again, each packet once",
  ...skipIf(mountMissing()),
  fn: () =>
    withPki(async (pki) => {
      const disk = `${pki.folder}/disk`;
      const statePath = `${pki.folder}/state`;
      await Deno.mkdir(disk);
      await runOk("mount", "-t", "tmpfs", "-o", "size=1m", "none", disk);
      try {
        const log = new TestLog();
        const out = `${disk}/out.pcapng`;
        let server = await startLinkServer(pki, out, log, { statePath });
        let port = server.port;
        await using proxy = cuttingProxy(() => port, () => Infinity);
        const sink = remoteSink(`127.0.0.1:${proxy.port}`, pki.agent, log);
        const packets = new NumberedPackets((batch) => sink.write(batch), 10, 1000);
        packets.make(3000);
        assert.match((await server.failed).message, /no sink is left: .*No space left on device/);
        await server.close();
        assert.ok(sink.counters.written > 0 && sink.counters.written < 1100);
        await runOk("mount", "-o", "remount,size=16m", disk);
        server = await startLinkServer(pki, out, log, { statePath });
        port = server.port;
        await until("all packets written", () => sink.counters.written === 3000);
        await sink.close();
        await server.close();
        assertEachOnce(numbersIn(await Deno.readFile(out)), 3000);
      } finally {
        await runOk("umount", disk);
      }
    }),
});

Deno.test("targets and addresses to listen on", () => {
  assert.deepEqual(parseTarget("hub.example"), {
    name: "hub.example",
    hostname: "hub.example",
    port: 3005,
    isPlaintext: false,
  });
  assert.equal(parseTarget("[2001:db8::1]:4000").hostname, "2001:db8::1");
  assert.equal(parseTarget("[2001:db8::1]:4000").port, 4000);
  assert.equal(parseTarget("2001:db8::1").hostname, "2001:db8::1");
  assert.equal(parseTarget("tcp://192.0.2.1").isPlaintext, true);
  assert.deepEqual(parseListenAddress(":4000"), { hostname: "::", port: 4000 });
  assert.deepEqual(parseListenAddress("192.0.2.1"), { hostname: "192.0.2.1", port: 3005 });
  for (const wrong of ["", "a b", "h:99999", "http://h", "h:", "[::1"]) {
    assert.throws(() => parseTarget(wrong), RangeError, wrong);
  }
});
