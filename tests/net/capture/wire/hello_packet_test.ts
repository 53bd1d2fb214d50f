// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { parseHelloPacket } from "../../../../net/capture/wire/hello_packet.ts";
import { formatFlowKey } from "../../../../net/wire/flow_key.ts";
import { type FrameOptions, helloRecord, tcpFrame } from "../../../support/hello_frames.ts";
import { seededRandom } from "../../../support/random.ts";

const RANDOM = Uint8Array.from({ length: 32 }, (_, at) => at + 100);
const RECORD = helloRecord(RANDOM);
const FLOW = { 4: "192.0.2.1:40000>198.51.100.7:443", 6: "[2001:db8::1]:40000>[2001:db8::7]:443" } as const;

const parse = (options: Partial<FrameOptions>) => parseHelloPacket(tcpFrame({ payload: RECORD, ...options }));

Deno.test("a hello: addresses, MACs, VLAN, through every header that may come before it", () => {
  const forms: [Partial<FrameOptions>, 4 | 6, number | undefined][] = [
    [{}, 4, undefined],
    [{ ipOptions: 10, tcpOptions: 10 }, 4, undefined],
    [{ vlans: [7] }, 4, 7],
    [{ vlans: [[0x88a8, 4094], 7] }, 4, 4094],
    [{ isIpv6: true, tcpOptions: 3 }, 6, undefined],
    [{ isIpv6: true, extensions: [0, 60], vlans: [1, 2] }, 6, 1],
  ];
  for (const [options, version, vlan] of forms) {
    const packet = parse(options);
    assert(packet, JSON.stringify(options));
    assert.deepEqual(packet.clientRandoms, [RANDOM.toHex()]);
    assert.equal(formatFlowKey(packet), FLOW[version]);
    assert.deepEqual([packet.clientMac[5], packet.serverMac[5], packet.vlan], [1, 2, vlan]);
  }
});

Deno.test("a hello whose first bytes came in a packet before is found up to five bytes in, and not after", () => {
  for (let cut = 0; cut <= 5; cut++) {
    const randoms = parse({ payload: RECORD.subarray(cut) })?.clientRandoms;
    assert(randoms?.includes(RANDOM.toHex()), `cut at ${cut}`);
  }
  for (let cut = 6; cut <= 42; cut++) {
    assert(
      !parse({ payload: RECORD.subarray(cut) })?.clientRandoms.includes(RANDOM.toHex()),
      `cut at ${cut}`,
    );
  }
});

Deno.test("a hello that goes on in another packet is told with what there is of its random", () => {
  for (let length = 1; length <= 42; length++) {
    for (const options of [{}, { isIpv6: true, extensions: [0], vlans: [1] }]) {
      const frame = tcpFrame({ payload: RECORD.subarray(0, length), ...options });
      // Ethernet pads short frames.
      const padded = new Uint8Array(Math.max(60, frame.length));
      padded.set(frame);
      const part = RANDOM.subarray(0, Math.max(0, length - 11)).toHex();
      assert.deepEqual(parseHelloPacket(padded)?.clientRandoms, [part], `${length} bytes`);
    }
  }
});

Deno.test("what is no hello, or too little of one, is none; no frame throws", () => {
  for (
    const payload of [
      RECORD.subarray(43),
      new Uint8Array(0),
      Uint8Array.of(0x17, 3, 3, 0, 20, 1),
      Uint8Array.of(0x16, 3, 3, 0, 4, 14, 0, 0, 0),
      new TextEncoder().encode("GET / HTTP/1.1\r\n".repeat(9)),
    ]
  ) {
    assert.equal(parse({ payload }), undefined);
  }
  const random = seededRandom("broken hellos");
  const frame = tcpFrame({ payload: RECORD, isIpv6: true, extensions: [0], vlans: [1] });
  for (let round = 0; round < 20_000; round++) {
    const broken = frame.slice(0, random.below(frame.length + 1));
    for (let hits = random.below(4); hits > 0 && broken.length > 0; hits--) {
      broken[random.below(Math.min(broken.length, 90))] = random.below(256);
    }
    parseHelloPacket(broken);
  }
});
