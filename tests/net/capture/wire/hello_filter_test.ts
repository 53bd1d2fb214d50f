// SPDX-License-Identifier: MIT
/** The filter in the kernel: which frames of a cable come through its ring. */
import assert from "node:assert/strict";
import { helloFilter } from "../../../../net/capture/wire/hello_filter.ts";
import { parseHelloPacket } from "../../../../net/capture/wire/hello_packet.ts";
import { PacketRing } from "../../../../net/ffi/packet_ring.ts";
import { type FrameOptions, helloRecord, tcpFrame } from "../../../support/hello_frames.ts";
import { inNamespace, netnsMissing, type Veth, withVeth } from "../../../support/netns.ts";
import { missing, runOk } from "../../../support/run.ts";
import { skipIf } from "../../../support/skip.ts";
import { until } from "../../../support/until.ts";

const SEND = `
import socket, sys
link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
link.bind((sys.argv[1], 0))
for frame in sys.argv[3:] * int(sys.argv[2]): link.send(bytes.fromhex(frame))
`;
const skip = skipIf(netnsMissing(), missing("python3"));

const send = (veth: Veth, frames: readonly Uint8Array[], times = 1) =>
  inNamespace(veth, "python3", "-c", SEND, veth.far, `${times}`, ...frames.map((frame) => frame.toHex()));

/** A hello whose random is all `number`. */
const hello = (number: number, options: Partial<FrameOptions> = {}, cut = 0) =>
  tcpFrame({ payload: helloRecord(new Uint8Array(32).fill(number)).subarray(cut), ...options });

/** The first bytes of such a hello. */
const beginning = (number: number, length: number) =>
  helloRecord(new Uint8Array(32).fill(number)).subarray(0, length);

/** Numbers of the hellos that come through, up to the one with number 255, and the VLAN of each. */
async function seen(ring: PacketRing): Promise<[number, number | undefined][]> {
  const found: [number, number | undefined][] = [];
  await until("the last hello", () => {
    for (let packet = ring.next(); packet !== undefined; packet = ring.next()) {
      const parsed = parseHelloPacket(packet.bytes);
      assert(parsed, "what is no hello came through");
      const number = parsed.clientRandoms.map((random) => Uint8Array.fromHex(random))
        .find((random) => random.every((byte) => byte === random[0]))?.[0];
      if (number !== undefined) found.push([number, packet.vlan ?? parsed.vlan]);
    }
    return found.at(-1)?.[0] === 255;
  });
  return found.slice(0, -1);
}

Deno.test({
  name: "hello filter: every form that a hello may come in passes, and nothing else",
  ...skip,
  fn: () =>
    withVeth(async (veth) => {
      const ring = PacketRing.open(veth.near, helloFilter());
      try {
        const http = new TextEncoder().encode("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        await send(veth, [
          hello(1),
          hello(2, { ipOptions: 10, tcpOptions: 10 }),
          hello(3, { isIpv6: true }),
          hello(4, { isIpv6: true, extensions: [0] }),
          hello(5, { isIpv6: true, extensions: [60, 43], tcpOptions: 5 }),
          hello(6, { vlans: [7] }),
          hello(7, { vlans: [[0x88a8, 9], 7], isIpv6: true }),
          ...[1, 2, 3, 4, 5].map((cut) => hello(20 + cut, {}, cut)),
          ...[12, 42].map((length) => tcpFrame({ payload: beginning(30 + length, length) })),
          hello(101, { isIpv6: true, extensions: [0, 43, 60] }),
          hello(102, { fragmentOffset: 1 }),
          hello(103, { protocol: 17 }),
          hello(104, { isIpv6: true, protocol: 17 }),
          hello(105, { vlans: [1, 2, 3, 4] }), // The kernel takes one out.,
          ...[6, 11, 20].map((cut) => hello(100 + cut, {}, cut)),
          tcpFrame({ payload: http }),
          tcpFrame({ payload: new Uint8Array(0) }),
          hello(255),
        ]);
        assert.deepEqual(await seen(ring), [
          ...[1, 2, 3, 4, 5].map((number) => [number, undefined]),
          [6, 7],
          [7, 9],
          ...[21, 22, 23, 24, 25, 42, 72].map((number) => [number, undefined]),
        ]);
        assert.deepEqual([ring.dropped, ring.isDeaf], [0, false]);
      } finally {
        ring.close();
      }
    }),
});

Deno.test({
  name:
    "hello filter: every hello passes behind headers of the usual lengths, and what looks like one does not",
  ...skip,
  fn: () =>
    withVeth(async (veth) => {
      const ring = PacketRing.open(veth.near, helloFilter());
      try {
        const frames: Uint8Array[] = [];
        const expected: number[] = [];
        for (const isIpv6 of [false, true]) {
          for (const tcpOptions of [0, 3]) {
            const headers = { isIpv6, tcpOptions };
            for (let cut = 0; cut <= 5; cut++) {
              frames.push(hello(expected.length, headers, cut));
              expected.push(expected.length);
              // The first mark that is left of it is there, and the next is not.
              const payload = helloRecord(new Uint8Array(32).fill(200)).subarray(cut);
              payload[cut === 0 ? 5 : 9 - cut] = 9;
              frames.push(tcpFrame({ payload, ...headers }));
            }
            const number = expected.length;
            frames.push(tcpFrame({ payload: beginning(number, 42), ...headers }));
            expected.push(number);
          }
        }
        await send(veth, [...frames, hello(255)]);
        assert.deepEqual(await seen(ring), expected.map((number) => [number, undefined]));
      } finally {
        ring.close();
      }
    }),
});

Deno.test({
  name:
    "hello filter: what the host sends comes through a ring of its own, so that what it receives pushes nothing out",
  ...skip,
  fn: () =>
    withVeth(async (veth) => {
      const received = PacketRing.open(veth.near, helloFilter(), true);
      const sent = PacketRing.open(veth.near, helloFilter(true));
      try {
        await runOk("python3", "-c", SEND, veth.near, "1", hello(1).toHex());
        await send(veth, [hello(2)], 5000);
        await runOk("python3", "-c", SEND, veth.near, "1", hello(3).toHex(), hello(255).toHex());
        assert.deepEqual(await seen(sent), [[1, undefined], [3, undefined]]);
        assert.deepEqual([sent.dropped, received.dropped], [0, 904]);
      } finally {
        received.close();
        sent.close();
      }
    }),
});

Deno.test({
  name: "packet ring: what it has no room for is counted, and it goes on",
  ...skip,
  fn: () =>
    withVeth(async (veth) => {
      const ring = PacketRing.open(veth.near, helloFilter());
      try {
        await send(veth, [hello(9)], 5000);
        let read = 0;
        while (ring.next() !== undefined) read++;
        assert.equal(read + ring.dropped, 5000);
        assert(ring.dropped >= 904 && read === 4096, `${read} read`);
        await send(veth, [hello(8), hello(255)]);
        assert.deepEqual(await seen(ring), [[8, undefined]]);
        assert.equal(read + ring.dropped, 5000);
      } finally {
        ring.close();
        ring.close();
      }
    }),
});

Deno.test({
  name: "packet ring: an interface that goes down is noticed; one that is not there is named",
  ...skip,
  fn: () =>
    withVeth(async (veth) => {
      assert.throws(() => PacketRing.open("nosuch0", helloFilter()), {
        name: "NotFound",
        message: "there is no interface nosuch0",
      });
      const ring = PacketRing.open(veth.near, helloFilter());
      try {
        assert(!ring.isDeaf);
        await inNamespace(veth, "ip", "link", "del", veth.far);
        await until("the ring to be deaf", () => ring.isDeaf);
      } finally {
        ring.close();
      }
    }),
});
