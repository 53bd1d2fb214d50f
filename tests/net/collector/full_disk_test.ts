// SPDX-License-Identifier: MIT
/** A collector's disk that fills up: what was made is written or dropped by reason in both books. */
import assert from "node:assert/strict";
import { remoteSink, startLinkServer, TestLog, type TestPki, withPki } from "../../support/link_harness.ts";
import { NumberedPackets, numbersIn } from "../../support/link_packets.ts";
import { mountMissing } from "../../support/mount.ts";
import { parseSinkSpec } from "../../../net/sinks/spec.ts";
import type { SinkCounters } from "../../../net/sinks/sink.ts";
import { runOk } from "../../support/run.ts";
import { skipIf } from "../../support/skip.ts";
import { awaited, until } from "../../support/until.ts";

const PACKETS = 2000;

/** A file system of 256 KiB for the call. */
async function withSmallDisk(pki: TestPki, use: (path: string) => Promise<void>): Promise<void> {
  const disk = `${pki.folder}/disk`;
  await Deno.mkdir(disk);
  await runOk("mount", "-t", "tmpfs", "-o", "size=256k", "none", disk);
  try {
    await use(`${disk}/out.pcapng`);
  } finally {
    await runOk("umount", disk);
  }
}

function assertSums({ packets, written, kept, dropped }: SinkCounters): void {
  const lost = [...dropped.values()].reduce((sum, count) => sum + count, 0);
  assert.equal(packets, written + kept + lost);
}

Deno.test({
  name:
    "a collector whose only disk is full acknowledges nothing more; both books balance, the file is whole",
  ...skipIf(mountMissing()),
  fn: () =>
    withPki((pki) =>
      withSmallDisk(pki, async (path) => {
        const log = new TestLog();
        const server = await startLinkServer(pki, path, log, { statePath: `${pki.folder}/state` });
        const agent = remoteSink(`127.0.0.1:${server.port}`, pki.agent, log, {
          stalledMs: 50,
          closeMaxMs: 1000,
        });
        new NumberedPackets((batch) => agent.write(batch), 10, 1000).make(PACKETS);
        assert.match((await awaited("its failure", server.failed)).message, /No space left on device/);
        await server.close();
        await agent.close();
        const file = server.sinks[0].counters;
        assert.deepEqual([...file.dropped.keys()], ["disk-full"]);
        assertSums(file);
        assert.equal(numbersIn(Deno.readFileSync(path)).length, file.written);
        assert.deepEqual([...agent.counters.dropped.keys()], ["not-acknowledged"]);
        assert.equal(agent.counters.packets, PACKETS);
        assert.ok(agent.counters.written <= file.written);
        assertSums(agent.counters);
      })
    ),
});

Deno.test({
  name: "a full disk stops one of a collector's files, and the other gets every packet",
  ...skipIf(mountMissing()),
  fn: () =>
    withPki((pki) =>
      withSmallDisk(pki, async (path) => {
        const log = new TestLog();
        const whole = `${pki.folder}/whole.pcapng`;
        const sinks = [path, whole].map((name) => parseSinkSpec(name));
        const server = await startLinkServer(pki, path, log, { sinks });
        const agent = remoteSink(`127.0.0.1:${server.port}`, pki.agent, log);
        new NumberedPackets((batch) => agent.write(batch), 10, 1000).make(PACKETS);
        await until("all packets acknowledged", () => agent.counters.written === PACKETS);
        await agent.close();
        await server.close();
        const [full, other] = server.sinks.map(({ counters }) => counters);
        assertSums(full);
        assert.ok(full.dropped.get("disk-full")! > 0);
        assert.equal(numbersIn(Deno.readFileSync(path)).length, full.written);
        assert.deepEqual([other.written, [...other.dropped]], [PACKETS, []]);
        assert.equal(numbersIn(Deno.readFileSync(whole)).length, PACKETS);
        assert.equal(log.lines.filter((line) => /writing stopped: No space left/.test(line)).length, 1);
      })
    ),
});
