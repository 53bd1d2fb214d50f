// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import type { RemoteSink, RemoteSinkOptions } from "../../../net/link/remote_sink.ts";
import { remoteSink, startLinkServer, TestLog, withPki } from "../../support/link_harness.ts";
import { assertEachOnce, NumberedPackets, numbersIn } from "../../support/link_packets.ts";
import {
  addAddresses,
  inNamespace,
  netnsMissing,
  received,
  tunMissing,
  type Veth,
  withVeth,
} from "../../support/netns.ts";
import { TextLineStream } from "../../support/lines.ts";
import { TestProcess } from "../../support/process.ts";
import { withSeed } from "../../support/random.ts";
import { missing } from "../../support/run.ts";
import { startTcpdump } from "../../support/tcpdump.ts";
import { cuttingProxy } from "../../support/cutting_proxy.ts";
import { skipIf } from "../../support/skip.ts";
import { until } from "../../support/until.ts";

/** Patience of both ends of a link that is cut: three heartbeats without a word, and an end gives the connection up. */
const IMPATIENT = { heartbeatMs: 500, connectMs: 500 };
const SLOW_LINK = fileURLToPath(new URL("../../support/slow_link.py", import.meta.url));

/** A way into another namespace: agents here, a collector beyond. */
interface Link extends Pick<Veth, "namespace" | "farAddress"> {
  /** This side's device. */
  readonly near: string;
}

/** A veth with addresses. */
function withLink(use: (link: Veth) => Promise<void>): Promise<void> {
  return withVeth(async (veth) => {
    await addAddresses(veth);
    await use(veth);
  });
}

/** A link that delays every packet and loses some. */
function withSlowLink(
  delayMs: number,
  loss: number,
  seed: number,
  use: (link: Link) => Promise<void>,
): Promise<void> {
  return withVeth(async ({ namespace, near, far, nearAddress, farAddress }) => {
    const [nearTun, farTun] = [`${near}t`, `${far}t`];
    const args = [nearTun, farTun, namespace, nearAddress, farAddress, delayMs, loss, seed].map(String);
    const command = new Deno.Command("python3", {
      args: [SLOW_LINK, ...args],
      stdin: "piped",
      stdout: "piped",
    });
    const child = command.spawn();
    const lines = child.stdout.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream());
    const reader = lines.getReader();
    assert.equal((await reader.read()).value, "ready");
    try {
      await use({ namespace, farAddress, near: nearTun });
    } finally {
      await child.stdin.close();
      const lost = /^passed \d+ lost (\d+)$/.exec((await reader.read()).value ?? "");
      assert.equal((await child.status).code, 0);
      assert.ok(Number(lost?.[1]) > 0, "the link lost nothing");
    }
  });
}

/** Sends packets to a collector beyond the link as `send` makes them; all must have arrived in the end. */
async function checkThrough(
  { namespace, farAddress }: Link,
  send: (packets: NumberedPackets, sink: RemoteSink, log: TestLog) => Promise<void>,
  options: Pick<RemoteSinkOptions, "heartbeatMs" | "connectMs" | "compress"> = {},
): Promise<void> {
  await withPki(async (pki) => {
    const out = `${pki.folder}/out.pcapng`;
    const collector = new TestProcess("collector_process.ts", {
      pki: pki.directory,
      sink: out,
      state: `${pki.folder}/state`,
      workers: 1,
      hostname: farAddress,
      heartbeatMs: options.heartbeatMs,
    }, ["ip", "netns", "exec", namespace]);
    const port = Number((await collector.find(/^port (\d+)/))[1]);
    const log = new TestLog();
    const sink = remoteSink(`${farAddress}:${port}`, pki.agent, log, options);
    const packets = new NumberedPackets((batch) => sink.write(batch), 10, 1000);
    await send(packets, sink, log);
    await until("all packets written", () => sink.counters.written === packets.count);
    await sink.close();
    assert.equal(sink.counters.dropped.size, 0);
    assert.equal(await collector.finish(), 0);
    assertEachOnce(numbersIn(await Deno.readFile(out)), packets.count);
  }, [farAddress]);
}

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

Deno.test({
  name: "a link that is cut until the connection and the next attempt are given up loses nothing",
  ...skipIf(netnsMissing()),
  fn: () =>
    withLink((link) =>
      checkThrough(link, async (packets, sink, log) => {
        const running = setInterval(() => sink.queuedBytes < 8 << 20 && packets.make(20), 10);
        await until("200 packets written", () => sink.counters.written >= 200);
        // Beyond: without its near end the way to the collector would lead elsewhere.
        await inNamespace(link, "ip", "link", "set", link.far, "down");
        await log.find(/lost: collector silent/);
        await log.find(/no answer within/);
        await inNamespace(link, "ip", "link", "set", link.far, "up");
        clearInterval(running);
      }, IMPATIENT)
    ),
});

Deno.test({
  name: "5 % packet loss and 100 ms delay each way lose nothing",
  ...skipIf(netnsMissing(), tunMissing(), missing("python3")),
  fn: () =>
    withSeed((random) =>
      withSlowLink(100, 0.05, random.seed, (link) =>
        checkThrough(link, async (packets) => {
          for (let round = 0; round < 25; round++) {
            packets.make(20);
            await wait(100);
          }
          // Compressed they are so few segments that one time in eighty none would be lost.
        }, { compress: "off" }))
    ),
});

Deno.test({
  name: "an interface gets each packet once, in order",
  ...skipIf(netnsMissing(), missing("tcpdump")),
  fn: () =>
    withPki((pki) =>
      withVeth(async (veth) => {
        const log = new TestLog();
        const server = await startLinkServer(pki, veth.near, log, { workers: 1 });
        const capture = await Capture.start(veth, `${pki.folder}/far.pcap`);
        const sink = remoteSink(`127.0.0.1:${server.port}`, pki.agent, log);
        const packets = new NumberedPackets((batch) => sink.write(batch), 10, 1000);
        for (let round = 0; round < 10; round++) packets.make(500);
        await sink.flush();
        await sink.close();
        await server.close();
        assertEachOnce(await capture.finish(5000), 5000);
      })
    ),
});

Deno.test({
  name:
    "an interface of a collector that is killed gets each packet at least once, and a run of them twice at most",
  ...skipIf(netnsMissing(), missing("tcpdump")),
  fn: () =>
    withSeed((random) =>
      withPki((pki) =>
        withVeth(async (veth) => {
          const KILLS = 10;
          const FRAME = 1000;
          const log = new TestLog();
          let port = 0;
          await using proxy = cuttingProxy(() => port, () => Infinity);
          const capture = await Capture.start(veth, `${pki.folder}/far.pcap`);
          const sink = remoteSink(`127.0.0.1:${proxy.port}`, pki.agent, log, { backoffMaxMs: 20 });
          const packets = new NumberedPackets((batch) => sink.write(batch), 10, FRAME);
          const running = setInterval(() => sink.queuedBytes < 1 << 20 && packets.make(100), 1);
          for (let kills = 0; kills <= KILLS; kills++) {
            const collector = new TestProcess("collector_process.ts", {
              pki: pki.directory,
              sink: veth.near,
              state: `${pki.folder}/state`,
              workers: kills % 2,
            });
            port = Number((await collector.find(/^port (\d+)/))[1]);
            const before = sink.counters.written;
            await until("more packets written", () => sink.counters.written > before, 1);
            await wait(random.below(30));
            if (kills < KILLS) {
              await collector.kill();
              continue;
            }
            clearInterval(running);
            await sink.flush();
            await sink.close();
            await collector.finish();
          }
          const numbers = await capture.finish(packets.count);
          assert.equal(new Set(numbers).size, packets.count);
          const twice = numbers.length - packets.count;
          assert.ok(twice <= KILLS * 1024 * 1024 / FRAME, `${twice} packets came twice`);
          console.log(`${twice} of ${packets.count} packets came twice in ${KILLS} kills`);
        })
      )
    ),
});

/** tcpdump at the far end of a veth. */
class Capture {
  private constructor(readonly veth: Veth, readonly path: string, readonly child: Deno.ChildProcess) {}

  static async start(veth: Veth, path: string): Promise<Capture> {
    // Each frame takes as much of the buffer as the longest that is kept: 256 of them would fill it otherwise.
    const child = await startTcpdump(veth, path, "--immediate-mode", "-s", "2048", "-B", "65536", "-U");
    return new Capture(veth, path, child);
  }

  /** Waits until the packets below `count` are written, ends and answers the numbers of all. */
  async finish(count: number): Promise<number[]> {
    await until(
      `${count} packets at the far end`,
      async () => (await received(this.veth)).packets >= count,
      10,
    );
    await until(
      `${count} packets in the capture`,
      async () => new Set(await this.#numbers()).size >= count,
      50,
    );
    this.child.kill("SIGINT");
    await this.child.status;
    return await this.#numbers();
  }

  async #numbers(): Promise<number[]> {
    const bytes = await Deno.readFile(this.path);
    const view = new DataView(bytes.buffer);
    const numbers: number[] = [];
    for (let at = 24; at + 16 <= bytes.length;) {
      const frame = at + 16;
      const end = frame + view.getUint32(at + 8, true);
      if (end > bytes.length) break;
      const isOurs = [26, 30].some((address) => view.getUint32(frame + address) >>> 8 === 0xc00002);
      if (isOurs) numbers.push(view.getUint32(frame + 54));
      at = end;
    }
    return numbers;
  }
}
