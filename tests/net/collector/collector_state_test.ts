// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { CollectorState } from "../../../net/collector/collector_state.ts";
import { checkedLine, readCheckedLine } from "../../../net/link/session/checked_line.ts";
import { Sessions } from "../../../net/collector/sessions.ts";
import { remoteSink, startLinkServer, TestLog, withPki } from "../../support/link_harness.ts";
import { assertEachOnce, NumberedPackets, numbersIn } from "../../support/link_packets.ts";
import { cuttingProxy } from "../../support/cutting_proxy.ts";
import { mountMissing } from "../../support/mount.ts";
import { missing, runOk, withTempDir } from "../../support/run.ts";
import { skipIf } from "../../support/skip.ts";
import { until } from "../../support/until.ts";

for (const format of ["pcapng", "pcap"]) {
  Deno.test({
    name: `a ${format} file that a power cut has shortened is gone on with behind its last whole packet`,
    ...skipIf(format === "pcap" && missing("editcap")),
    fn: () =>
      withPki(async (pki) => {
        const out = `${pki.folder}/out.${format}`;
        const statePath = `${pki.folder}/state`;
        const log = new TestLog();
        let sink!: ReturnType<typeof remoteSink>;
        const packets = new NumberedPackets((batch) => sink.write(batch), 10, 1000);
        for (let round = 0; round < 2; round++) {
          const server = await startLinkServer(pki, out, log, { statePath });
          sink = remoteSink(`127.0.0.1:${server.port}`, pki.agent, log);
          packets.make(1000);
          await sink.flush();
          await sink.close();
          await server.close();
          if (round === 0) Deno.truncateSync(out, Deno.statSync(out).size - 4096);
        }
        if (format === "pcap") await runOk("editcap", "-F", "pcapng", out, `${out}ng`);
        const numbers = numbersIn(Deno.readFileSync(`${pki.folder}/out.pcapng`));
        const left = numbers.indexOf(1000);
        assert.ok(left > 990 && left < 1000, `${left} left of the first thousand`);
        assertEachOnce(numbers.slice(0, left), left);
        assertEachOnce(numbers.slice(left).map((number) => number - 1000), 1000);
        await log.find(/out\.\w+: \d+ of \d+ bytes are left, as after a power cut; going on behind the last/);
      }),
  });
}

Deno.test("what is left of a file that is no capture any more is moved aside, not erased", () =>
  withPki(async (pki) => {
    const out = `${pki.folder}/out.pcapng`;
    const statePath = `${pki.folder}/state`;
    const log = new TestLog();
    await (await startLinkServer(pki, out, log, { statePath })).close();
    const rest = Deno.readFileSync(out).subarray(0, 40);
    Deno.truncateSync(out, rest.length);
    await (await startLinkServer(pki, out, log, { statePath })).close();
    assert.deepEqual(Deno.readFileSync(`${out}.old-1`), rest);
    assert.deepEqual(numbersIn(Deno.readFileSync(out)), []);
  }));

Deno.test("a file keeps its packets: its name spelled otherwise, its state lost, another file meanwhile", () =>
  withPki(async (pki) => {
    const out = `${pki.folder}/out.pcapng`;
    const other = `${pki.folder}/other.pcapng`;
    const statePath = `${pki.folder}/state`;
    const log = new TestLog();
    let sent = 0;
    const run = async (path: string) => {
      const server = await startLinkServer(pki, path, log, { statePath });
      const sink = remoteSink(`127.0.0.1:${server.port}`, pki.agent, log);
      const packets = new NumberedPackets((batch) => sink.write(batch), 10, 1000);
      packets.make(2);
      sent += packets.count;
      await until("all packets written", () => sink.counters.written === packets.count);
      await sink.close();
      await server.close();
    };
    const packetsIn = (path: string) => numbersIn(Deno.readFileSync(path)).length;
    await run(out);
    await run(`${pki.folder}/./out.pcapng`);
    assert.equal(packetsIn(out), sent);
    await Deno.remove(statePath);
    await run(out);
    assert.equal(packetsIn(out) + packetsIn(`${out}.old-1`), sent);
    assert(log.lines.some((line) => line.endsWith(`moved to ${out}.old-1`)), log.lines.join("\n"));
    await run(other);
    await run(out);
    const all = [out, other, `${out}.old-1`, `${out}.old-2`];
    assert.equal(all.map(packetsIn).reduce((sum, count) => sum + count), sent);
  }));

Deno.test({
  name: "a full disk under the state ends the collector: it acknowledges what it noted and no more",
  ...skipIf(mountMissing()),
  fn: () =>
    withPki(async (pki) => {
      const disk = `${pki.folder}/disk`;
      await Deno.mkdir(disk);
      await runOk("mount", "-t", "tmpfs", "-o", "size=64k", "none", disk);
      try {
        const log = new TestLog();
        const out = `${pki.folder}/out.pcapng`;
        const statePath = `${disk}/state`;
        let server = await startLinkServer(pki, out, log, { statePath });
        let port = server.port;
        await using proxy = cuttingProxy(() => port, () => Infinity);
        const sink = remoteSink(`127.0.0.1:${proxy.port}`, pki.agent, log, { backoffMaxMs: 50 });
        const packets = new NumberedPackets((batch) => sink.write(batch), 10, 1000);
        let failure: Error | undefined;
        void server.failed.then((error) => failure = error);
        using filler = Deno.openSync(`${disk}/filler`, { write: true, create: true });
        assert.throws(() => {
          while (true) filler.writeSync(new Uint8Array(4096));
        });
        // What is left of the state's last page is still written.
        const { message } = await until("the collector to fail", () => {
          if (failure === undefined) packets.make(1);
          return failure;
        }, 1);
        assert.match(message, /cannot write the state file .*No space left on device/);
        packets.make(20);
        await server.close();
        const acknowledged = sink.counters.written;
        assert.ok(acknowledged < packets.count);
        const lines = Deno.readTextFileSync(statePath).split("\n");
        assert.equal(lines.pop(), "", "no part of a line");
        assert.equal(JSON.parse(lines.at(-1)!).have, acknowledged);
        Deno.removeSync(`${disk}/filler`);
        filler.truncateSync(0);
        server = await startLinkServer(pki, out, log, { statePath });
        port = server.port;
        await until("all packets written", () => sink.counters.written === packets.count);
        await sink.close();
        await server.close();
        assertEachOnce(numbersIn(Deno.readFileSync(out)), packets.count);
      } finally {
        await runOk("umount", disk);
      }
    }),
});

Deno.test("a file of a series that was begun after the last commit is removed: its packets come again", () =>
  withPki(async (pki) => {
    const statePath = `${pki.folder}/state`;
    const log = new TestLog();
    const out = `${pki.folder}/out.pcapng`;
    const options = { statePath, sinkOptions: { rotateBytes: 50_000 } };
    let server = await startLinkServer(pki, out, log, options);
    const [sink] = server.sinks;
    // As when it is killed within a write: nothing of this is committed.
    new NumberedPackets((batch) => sink.write(batch), 10, 1000).make(170);
    Deno.copyFileSync(statePath, `${statePath}.killed`);
    const series = () =>
      [...Deno.readDirSync(pki.folder)].map(({ name }) => name).filter((name) => name.startsWith("out_"));
    assert.equal(series().length, 4);
    await server.close();
    Deno.renameSync(`${statePath}.killed`, statePath);
    server = await startLinkServer(pki, out, log, options);
    const agent = remoteSink(`127.0.0.1:${server.port}`, pki.agent, log);
    new NumberedPackets((batch) => agent.write(batch), 10, 1000).make(170);
    await agent.flush();
    await agent.close();
    await server.close();
    const numbers = series().flatMap((name) => numbersIn(Deno.readFileSync(`${pki.folder}/${name}`)));
    assertEachOnce(numbers.sort((a, b) => a - b), 170);
  }));

Deno.test("a session that may be in use is never pushed out", () => {
  const sessions = new Sessions(256);
  for (let round = 0; round < 3; round++) {
    for (let at = 0; at < 256; at++) sessions.set(`web1/${at}`, round);
  }
  for (let at = 0; at < 200; at++) sessions.set(`web1/gone-${at}`, 1);
  assert.equal([...sessions].length, 356);
  assert.equal(sessions.get("web1/255"), 2);
});

Deno.test("what the kernel kept of a file beyond its note stays when the host went down", () =>
  withPki(async (pki) => {
    const out = `${pki.folder}/out.pcapng`;
    const statePath = `${pki.folder}/state`;
    const log = new TestLog();
    const run = async (packetCount: number) => {
      const server = await startLinkServer(pki, out, log, { statePath });
      const sink = remoteSink(`127.0.0.1:${server.port}`, pki.agent, log);
      new NumberedPackets((batch) => sink.write(batch), 10, 1000).make(packetCount);
      await sink.flush();
      await sink.close();
      await server.close();
    };
    await run(20);
    const older = Deno.readTextFileSync(statePath);
    await run(30);
    for (const [boot, left] of [["another", 50], ["", 50]] as const) {
      const [head, ...rest] = older.split("\n");
      const { files } = readCheckedLine(head)!.value;
      Deno.writeTextFileSync(statePath, [checkedLine({ boot, files }), ...rest].join("\n"));
      await run(0);
      assert.equal(numbersIn(Deno.readFileSync(out)).length, left);
    }
    assert(
      log.lines.some((line) => /\d+ bytes more than were noted are kept$/.test(line)),
    );
    Deno.writeTextFileSync(statePath, older);
    await run(0);
    assert.equal(numbersIn(Deno.readFileSync(out)).length, 20, "without that, they come again");
  }));

Deno.test("an agent's sessions push out none of another agent", () =>
  withTempDir((folder) => {
    let state = new CollectorState(`${folder}/state`, 1);
    state.commit("web1/aa", 100, []);
    for (let at = 0; at < 20_000; at++) state.commit(`rude/${at}`, 1, []);
    for (let at = 0; at < 20_000; at++) state.commit(`plaintext 192.0.2.${at}/aa`, 1, []);
    for (let opened = 0; opened < 2; opened++) {
      assert.equal(state.sessions.get("web1/aa"), 100);
      assert.equal(state.sessions.get("rude/19999"), 1);
      assert.equal([...state.sessions].length, 203);
      state.close();
      if (opened === 0) state = new CollectorState(`${folder}/state`, 1);
    }
  }));

Deno.test("a state file with a damaged line cuts no capture, and what it does not know is no other collector's", () =>
  withPki(async (pki) => {
    const out = `${pki.folder}/out.pcapng`;
    const statePath = `${pki.folder}/state`;
    const log = new TestLog();
    let port = 0;
    await using proxy = cuttingProxy(() => port, () => Infinity);
    const sink = remoteSink(`127.0.0.1:${proxy.port}`, pki.agent, log, { backoffMaxMs: 5 });
    const packets = new NumberedPackets((batch) => sink.write(batch), 10, 1000);
    const sent = async () => {
      packets.make(10);
      await until("all packets written", () => sink.counters.written === packets.count);
    };
    let server = await startLinkServer(pki, out, log, { statePath });
    ({ port } = server);
    await sent();
    await sent();
    await server.close();
    // What was noted from the second ten packets on, a number of each line changed.
    const lines = Deno.readTextFileSync(statePath).trimEnd().split("\n");
    const from = lines.findIndex((line) => line.includes('"have":20,'));
    const changed = lines.map((line, at) => at < from ? line : line.replace(/"size":\d/, '"size":9'));
    assert.notDeepEqual(changed, lines);
    Deno.writeTextFileSync(statePath, changed.join("\n") + "\n");
    server = await startLinkServer(pki, out, log, { statePath });
    ({ port } = server);
    await sent();
    await sink.close();
    await server.close();
    await log.find(/state: \d+ lines are not as they were written/);
    assertEachOnce(numbersIn(Deno.readFileSync(out)), packets.count);
    assert.equal(server.agents.get("web1")!.elsewhere, 0);
  }));

Deno.test("lines with a checksum: what was changed is not read, what version 0.1.0 wrote is", () => {
  const value = { session: 'web1/00","sum":"00000000"', have: 7, files: [] };
  const line = checkedLine(value);
  const { sum: _, ...read } = readCheckedLine(line)!.value;
  assert.deepEqual(read, value);
  const sumAt = line.lastIndexOf(',"sum"');
  for (let at = 0; at < sumAt; at++) {
    const flipped = line.slice(0, at) + String.fromCharCode(line.charCodeAt(at) ^ 1) + line.slice(at + 1);
    assert.equal(readCheckedLine(flipped), undefined, flipped);
  }
  assert.deepEqual(readCheckedLine('{"session":"a/b","have":1}'), {
    value: { session: "a/b", have: 1 },
    isChecked: false,
  });
  assert.equal(readCheckedLine("\0\0\0\0"), undefined);
});
