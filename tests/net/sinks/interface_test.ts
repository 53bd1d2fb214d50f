// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { Connection } from "../../../net/forge/connection.ts";
import { PacketBuffer } from "../../../net/forge/packet_batch.ts";
import { InterfaceSink } from "../../../net/sinks/interface.ts";
import { parseSinkSpec } from "../../../net/sinks/spec.ts";
import { IPV4_KEY, readSegments, testSettings, TIME_BASE_NS } from "../../support/capture.ts";
import { inNamespace, netnsMissing, received, type Veth, withVeth } from "../../support/netns.ts";
import { startTcpdump } from "../../support/tcpdump.ts";
import { missing, run, runOk, withTempDir } from "../../support/run.ts";
import { until } from "../../support/until.ts";
import { notLinux, skipIf } from "../../support/skip.ts";

const lacking = netnsMissing() || missing("tcpdump");
const OPTIONS = { application: "test", interfaceName: "any" };

function forge(sink: InterfaceSink, segments: number, mtu = sink.mtu): void {
  const buffer = new PacketBuffer({ timeBaseNs: TIME_BASE_NS, onFull: (batch) => sink.write(batch) });
  const lane = new Connection(IPV4_KEY, buffer, testSettings({ mtu, vlan: 5 }));
  for (let at = 0; at < segments; at++) lane.write(1, new Uint8Array(mtu - 40).fill(at), at);
  lane.close("fin", segments);
  buffer.flush();
}

function assertSums({ counters }: InterfaceSink): void {
  const dropped = [...counters.dropped.values()].reduce((sum, packets) => sum + packets, 0);
  assert.equal(counters.packets, counters.written + dropped);
}

/** Starts tcpdump at the far end; the answer waits for `packets` and gives the capture. */
async function capturing(veth: Veth, packets: number, path: string): Promise<() => Promise<Uint8Array>> {
  const process = await startTcpdump(veth, path, "-c", String(packets), "-B", "16384");
  return async () => {
    assert.ok((await process.status).success);
    return Deno.readFileSync(path);
  };
}

Deno.test({
  name: "frames arrive at the other end of a veth, byte for byte and all of them",
  ...skipIf(lacking),
  fn: () =>
    withVeth((veth) =>
      withTempDir(async (folder) => {
        parseSinkSpec(veth.near).check();
        const sink = new InterfaceSink(veth.near, OPTIONS);
        assert.equal(sink.mtu, 1600);
        // Acknowledged are the first 16 writes, and every second one behind them.
        const expected = 3 + 2000 + 16 + 992 + 3;
        const captured = await capturing(veth, expected, `${folder}/far.pcap`);
        forge(sink, 2000);
        await captured();
        assert.equal(sink.counters.written, expected);
        assertSums(sink);
        assert.deepEqual(await received(veth), { packets: expected, dropped: 0 });
        await runOk("editcap", "-F", "pcapng", `${folder}/far.pcap`, `${folder}/far.pcapng`);
        const segments = readSegments(Deno.readFileSync(`${folder}/far.pcapng`));
        assert.equal(segments.length, expected);
        assert.ok(segments.every(({ vlan }) => vlan === 5));
        await sink.close();
        await sink.close();
        forge(sink, 1);
        assertSums(sink);
      }), 1600),
});

/** A sink on the near end, what it says, and the far end's view of what was sent. */
class Sending {
  readonly said: string[] = [];
  readonly sink: InterfaceSink;

  constructor(readonly veth: Veth) {
    const say = (text: string) => this.said.push(text);
    this.sink = new InterfaceSink(veth.near, { ...OPTIONS, info: say, warn: say });
  }

  ip(...words: string[]): Promise<string> {
    return runOk("ip", ...words);
  }

  far(...words: string[]): Promise<string> {
    return inNamespace(this.veth, "ip", ...words);
  }

  dropped(reason: string): number {
    return this.sink.counters.dropped.get(reason) ?? 0;
  }

  /** Closes it, and holds the books against what the far end got of `packets` more than before. */
  async close(): Promise<void> {
    await this.sink.close();
    assertSums(this.sink);
  }
}

Deno.test({
  name: "frames over the MTU and an interface that is down are counted, and it is said once",
  ...skipIf(lacking),
  fn: () =>
    withVeth(async (veth) => {
      const sending = new Sending(veth);
      const { sink, said } = sending;
      forge(sink, 4, 1600);
      assert.equal(sending.dropped("frame-too-long"), 4);
      const { written } = sink.counters;
      await sending.ip("link", "set", veth.near, "down");
      assert.equal(sink.isDown, true);
      forge(sink, 1);
      forge(sink, 1);
      assert.equal(sink.counters.written, written);
      assert.ok(sending.dropped("interface-down") > 0);
      await sending.ip("link", "set", veth.near, "up");
      await until("it to be up", () => !sink.isDown);
      forge(sink, 1);
      assert.ok(sink.counters.written > written);
      await sending.close();
      assert.deepEqual(said.map((line) => line.replace(veth.near, "it")), [
        "it: packets are dropped and counted: send: Message too long",
        "it is down",
        "it takes packets again",
      ]);
    }),
});

Deno.test({
  name:
    "without a carrier nothing is written: what the kernel took and dropped is counted, the rest not sent",
  ...skipIf(lacking),
  fn: () =>
    withVeth(async (veth) => {
      const sending = new Sending(veth);
      const { sink, said } = sending;
      // Sends all the time, so that the carrier is lost while frames are on their way.
      let isOver = false;
      const running = (async () => {
        while (!isOver) {
          forge(sink, 50);
          await new Promise((resolve) => setTimeout(resolve, 0));
        }
      })();
      const { written } = sink.counters;
      for (let times = 1; times <= 3; times++) {
        await until("frames to be sent", () => sink.counters.written > written + 1000);
        await sending.far("link", "set", veth.far, "down");
        const before = sending.dropped("no-carrier");
        await until("frames to be dropped", () => sending.dropped("no-carrier") > before + 500);
        await sending.far("link", "set", veth.far, "up");
        await until("the carrier", () => said.filter((line) => / again$/.test(line)).length === times);
      }
      isOver = true;
      await running;
      await sending.close();
      // What the far end cannot take is refused: it is tried again, or counted as dropped.
      assert.equal((await received(veth)).packets, sink.counters.written);
      // An end that is about to go down refuses frames before the carrier is seen to be gone.
      const reasons = [...sink.counters.dropped.keys()].filter((reason) => reason !== "interface-busy");
      assert.deepEqual(reasons, ["no-carrier"]);
      assert.deepEqual(
        said.map((line) => line.slice(veth.near.length)).filter((line) => !/No buffer space/.test(line)),
        [1, 2, 3].flatMap(() => [
          " has no carrier: nobody is at its other end",
          " takes packets again",
        ]),
      );
    }),
});

Deno.test({
  name: "the interface's MTU is followed, and so is an interface that is deleted and made again",
  ...skipIf(lacking),
  fn: () =>
    withVeth(async (veth) => {
      const sending = new Sending(veth);
      const { sink, said } = sending;
      for (const mtu of [9000, 1280, 4000]) {
        await sending.ip("link", "set", veth.near, "mtu", String(mtu));
        await sending.far("link", "set", veth.far, "mtu", String(mtu));
        assert.equal(sink.isDown, false);
        assert.equal(sink.mtu, mtu);
        forge(sink, 3);
      }
      assert.deepEqual([...sink.counters.dropped], []);
      const { written } = sink.counters;
      assert.deepEqual(await received(veth), { packets: written, dropped: 0 });
      await sending.ip("link", "del", veth.near);
      assert.equal(sink.isDown, true);
      forge(sink, 1);
      assert.ok(sending.dropped("interface-gone") > 0);
      await sending.ip("link", "add", veth.near, "type", "veth", "peer", "name", veth.far);
      assert.equal(sink.isDown, true, "it is not up yet");
      await sending.ip("link", "set", veth.far, "netns", veth.namespace);
      await sending.far("link", "set", veth.far, "up");
      await runOk("sysctl", "-qw", `net.ipv6.conf.${veth.near}.disable_ipv6=1`);
      const startMs = performance.now();
      await sending.ip("link", "set", veth.near, "up");
      await until("the new one", () => !sink.isDown);
      assert.ok(performance.now() - startMs >= 2000, "who listens has time to notice it");
      assert.equal(sink.mtu, 1500);
      forge(sink, 5);
      assert.deepEqual(await received(veth), { packets: sink.counters.written - written, dropped: 0 });
      await sending.close();
      assert.deepEqual(said.map((line) => line.replace(veth.near, "it")), [
        "it takes packets of 9000 bytes now, it was 1500",
        "it takes packets of 1280 bytes now, it was 9000",
        "it takes packets of 4000 bytes now, it was 1280",
        "it is down",
        "it is gone; waiting for an interface of that name",
        "it takes packets of 1500 bytes now, it was 4000",
        "it takes packets again",
      ]);
    }),
});

Deno.test({
  name: "an interface is looked up in the process's own network namespace, not in that of /sys",
  ...skipIf(lacking, missing("unshare", "nsenter")),
  fn: () =>
    withVeth(async (veth) => {
      const module = new URL("../../../net/sinks/spec.ts", import.meta.url).href;
      const code = `import { parseSinkSpec } from ${JSON.stringify(module)};
        const spec = parseSinkSpec(Deno.args[0]);
        spec.check();
        const sink = spec.open({ application: "test", interfaceName: "any" });
        console.log(sink.mtu, sink.isDown);
        await sink.close();`;
      const look = (name: string) => [Deno.execPath(), "eval", code, name];
      // In these namespaces /sys is that of the test, which has no such interface.
      const inside = ["nsenter", `--net=/run/netns/${veth.namespace}`, ...look(veth.far)];
      assert.equal(await runOk(inside[0], ...inside.slice(1)), "1500 false\n");
      const make = "ip link add own0 mtu 1400 type veth peer name own1 && ip link set own0 up && " +
        'ip link set own1 up && exec "$@"';
      const alone = ["unshare", "--net", "sh", "-c", make, "sh", ...look("own0")];
      assert.equal(await runOk(alone[0], ...alone.slice(1)), "1400 false\n");
      const { code: status, stderr } = await run("unshare", ["--net", ...look(veth.near)]);
      assert.notEqual(status, 0);
      assert.match(
        stderr,
        /no interface is named "\w+": give one of lo, or a file .* type dummy, or, .* type veth/,
      );
    }),
});

Deno.test({
  name: "without the right to raw sockets the message names the capability",
  ...skipIf(lacking, missing("setpriv")),
  fn: async () => {
    const script = new URL("../../../net/sinks/spec.ts", import.meta.url).href;
    const code = `import { parseSinkSpec } from ${JSON.stringify(script)}; parseSinkSpec("lo").check();`;
    const { code: status, stderr } = await run("setpriv", [
      "--bounding-set",
      "-net_raw,-net_admin",
      "--inh-caps",
      "-net_raw,-net_admin",
      Deno.execPath(),
      "eval",
      code,
    ]);
    assert.notEqual(status, 0);
    assert.match(stderr, /CAP_NET_RAW/);
  },
});

Deno.test("an unknown interface is refused with the known", skipIf(notLinux("interfaces")), () => {
  const spec = parseSinkSpec("nosuchif0");
  assert.throws(() => spec.check(), /no interface is named "nosuchif0": give one of .*\blo\b.*\.pcapng/);
  assert.throws(() => spec.open(OPTIONS), /nosuchif0/);
});
