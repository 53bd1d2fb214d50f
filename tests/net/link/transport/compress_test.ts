// SPDX-License-Identifier: MIT
/** Compression: when it is used, what it saves, and that it changes nothing else. */
import assert from "node:assert/strict";
import { cuttingProxy } from "../../../support/cutting_proxy.ts";
import {
  remoteSink,
  startLinkServer,
  TestLog,
  type TestPki,
  withPki,
} from "../../../support/link_harness.ts";
import { assertEachOnce, NumberedPackets, numbersIn } from "../../../support/link_packets.ts";
import { withSeed } from "../../../support/random.ts";
import type { Compression } from "../../../../net/link/remote_sink.ts";

/** Bytes that passed to the collector for each byte of packets, and whether the log says that they were compressed. */
async function carry(pki: TestPki, compress: Compression, unpacks: boolean): Promise<[number, boolean]> {
  const log = new TestLog();
  const out = `${pki.folder}/${compress}-${unpacks}.pcapng`;
  const server = await startLinkServer(pki, out, log, { unpacks, workers: 1 });
  await using proxy = cuttingProxy(server.port, () => Infinity);
  const sink = remoteSink(`127.0.0.1:${proxy.port}`, pki.agent, log, { compress });
  const packets = new NumberedPackets((batch) => sink.write(batch), 10, 1500);
  for (let round = 0; round < 4; round++) packets.make(300);
  await sink.flush();
  await sink.close();
  await server.close();
  assertEachOnce(numbersIn(await Deno.readFile(out)), 1200);
  const { bytes } = server.agents.get("web1")!;
  assert.equal(sink.counters.writtenBytes, bytes, "books have the packets' own bytes");
  return [proxy.bytes / bytes, log.lines.some((line) => /collector takes packets, compressed$/.test(line))];
}

Deno.test("packets are compressed where both ends agree, and not on one host unless asked for", () =>
  withPki(async (pki) => {
    for (
      const [compress, unpacks, isCompressed] of [
        ["on", true, true],
        ["on", false, false],
        ["auto", true, false],
        ["off", true, false],
      ] as const
    ) {
      const [share, told] = await carry(pki, compress, unpacks);
      assert.equal(told, isCompressed, `${compress} ${unpacks}`);
      assert.ok(isCompressed ? share < 0.2 : share >= 1, `${compress} ${unpacks}: ${share}`);
    }
  }));

Deno.test("compressed connections that are cut anywhere lose nothing and double nothing", () =>
  withSeed((random) =>
    withPki(async (pki) => {
      const log = new TestLog();
      const out = `${pki.folder}/out.pcapng`;
      const server = await startLinkServer(pki, out, log);
      await using proxy = cuttingProxy(server.port, () => 3000 + random.below(20_000));
      const sink = remoteSink(`127.0.0.1:${proxy.port}`, pki.agent, log, { backoffMaxMs: 5, compress: "on" });
      const packets = new NumberedPackets((batch) => sink.write(batch), 10, 1500);
      for (let round = 0; round < 20; round++) {
        packets.make(1 + random.below(1000));
        await sink.flush();
      }
      await sink.close();
      await server.close();
      assert.ok(proxy.cuts > 0);
      assertEachOnce(numbersIn(await Deno.readFile(out)), packets.count);
      assert.equal(sink.counters.written, packets.count);
    })
  ));
