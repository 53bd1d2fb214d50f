// SPDX-License-Identifier: MIT
/** A spool on a disk that fills up: both ends' books agree, in this run and the next. */
import assert from "node:assert/strict";
import { remoteSink, startLinkServer, TestLog, withPki } from "../../../support/link_harness.ts";
import { NumberedPackets, numbersIn } from "../../../support/link_packets.ts";
import { mountMissing } from "../../../support/mount.ts";
import { runOk } from "../../../support/run.ts";
import { skipIf } from "../../../support/skip.ts";

Deno.test({
  name: "a spool whose disk is full loses by name what has no room, and the rest arrives after a restart",
  ...skipIf(mountMissing()),
  fn: () =>
    withPki(async (pki) => {
      const disk = `${pki.folder}/disk`;
      await Deno.mkdir(disk);
      await runOk("mount", "-t", "tmpfs", "-o", "size=3m", "none", disk);
      try {
        const log = new TestLog();
        const options = { queueBytes: 1 << 20, spool: { directory: `${disk}/spool` } };
        const first = remoteSink("127.0.0.1:1", pki.agent, log, { ...options, stalledMs: 1 });
        const packets = new NumberedPackets((batch) => first.write(batch), 10, 1500);
        for (; packets.count < 6000;) packets.make(100);
        await first.close();
        const { kept, dropped } = first.counters;
        assert.deepEqual([...dropped], [["spool-failed", 6000 - kept]]);
        assert.ok(kept > 1000 && kept < 2500, `${kept} kept`);
        await log.find(/packets are lost: No space left on device/);

        const out = `${pki.folder}/out.pcapng`;
        const server = await startLinkServer(pki, out, log);
        const second = remoteSink(`127.0.0.1:${server.port}`, pki.agent, log, options);
        await second.flush();
        await second.close();
        await server.close();
        assert.deepEqual([second.counters.packets, second.counters.written], [kept, kept]);
        const numbers = numbersIn(await Deno.readFile(out));
        assert.equal(numbers.length, kept);
        assert.ok(
          numbers.every((number, at) => at === 0 || number > numbers[at - 1]),
          "none twice, in order",
        );
        const books = server.agents.get("web1")!;
        assert.ok([...books.lost.keys()].every((reason) => ["spool-failed", "not-spooled"].includes(reason)));
      } finally {
        await runOk("umount", disk);
      }
    }),
});
