// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { Connection } from "../../../net/forge/connection.ts";
import { PacketBuffer } from "../../../net/forge/packet_batch.ts";
import { InterfaceSink } from "../../../net/sinks/interface.ts";
import { parseSinkSpec } from "../../../net/sinks/spec.ts";
import { IPV4_KEY, readSegments, testSettings, TIME_BASE_NS } from "../../support/capture.ts";
import { netnsMissing, received, type Veth, withVeth } from "../../support/netns.ts";
import { startTcpdump } from "../../support/tcpdump.ts";
import { missing, run, runOk, withTempDir } from "../../support/run.ts";
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

Deno.test({
  name: "frames over the MTU and an interface that is down are counted; one that is gone stops the sink",
  ...skipIf(lacking),
  fn: () =>
    withVeth(async (veth) => {
      const warnings: string[] = [];
      const stops: string[] = [];
      const sink = new InterfaceSink(veth.near, {
        ...OPTIONS,
        warn: (message) => warnings.push(message),
        stopped: (_, message) => stops.push(message),
      });
      forge(sink, 4, 1600);
      assert.equal(sink.counters.dropped.get("frame-too-long"), 4);
      await runOk("ip", "link", "set", veth.near, "down");
      forge(sink, 1);
      forge(sink, 1);
      assert.ok(sink.counters.dropped.get("interface-down")! > 0);
      assert.equal(warnings.length, 2);
      await runOk("ip", "link", "set", veth.near, "up");
      const { written } = sink.counters;
      forge(sink, 1);
      assert.ok(sink.counters.written > written);
      await runOk("ip", "link", "del", veth.near);
      forge(sink, 1);
      forge(sink, 1);
      assert.equal(stops.length, 1);
      assert.match(stops[0], /sending stopped: .*No such device/);
      assert.ok(sink.counters.dropped.get("interface-gone")! >= 8);
      assertSums(sink);
      await sink.close();
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
