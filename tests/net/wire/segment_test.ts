// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import {
  ethernetHeaderLength,
  ETHERTYPE_IPV4,
  ETHERTYPE_IPV6,
  writeEthernet,
} from "../../../net/wire/ethernet.ts";
import { IP_PROTOCOL_TCP, IPV4_HEADER_LENGTH, writeIpv4 } from "../../../net/wire/ipv4.ts";
import { IPV6_HEADER_LENGTH, writeIpv6 } from "../../../net/wire/ipv6.ts";
import { parseSegment } from "../../../net/wire/segment.ts";
import { sequenceNumber } from "../../../net/wire/seq.ts";
import { TCP_ACK, TCP_HEADER_LENGTH, TCP_PSH, writeTcp } from "../../../net/wire/tcp.ts";

const PAYLOAD = new TextEncoder().encode("GET / HTTP/1.1\r\n");
const MAC = Uint8Array.of(2, 0, 0, 0, 0, 1);
const PADDING = 6;

interface Change {
  readonly vlan?: number;
  readonly protocol?: number;
  readonly moreFragments?: boolean;
}

/** A frame with some bytes behind the packet, as short ones on a wire have. */
function frameOf(
  isIpv6: boolean,
  { vlan, protocol = IP_PROTOCOL_TCP, moreFragments = false }: Change = {},
): Uint8Array {
  const ethernet = {
    destination: MAC,
    source: MAC,
    etherType: isIpv6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4,
    vlan,
  };
  const ipAt = ethernetHeaderLength(ethernet);
  const tcpAt = ipAt + (isIpv6 ? IPV6_HEADER_LENGTH : IPV4_HEADER_LENGTH);
  const length = TCP_HEADER_LENGTH + PAYLOAD.length;
  const frame = new Uint8Array(tcpAt + length + PADDING);
  writeEthernet(ethernet, frame, 0);
  if (isIpv6) {
    const source = new Uint8Array(16).fill(1);
    const destination = new Uint8Array(16).fill(2);
    const ip = { trafficClass: 0, flowLabel: 0, payloadLength: length, hopLimit: 64, source, destination };
    writeIpv6({ ...ip, nextHeader: protocol }, frame, ipAt);
  } else {
    writeIpv4(
      {
        totalLength: IPV4_HEADER_LENGTH + length,
        identification: 0,
        dontFragment: false,
        moreFragments,
        fragmentOffset: 0,
        timeToLive: 64,
        protocol,
        source: Uint8Array.of(10, 0, 0, 1),
        destination: Uint8Array.of(10, 0, 0, 2),
      },
      frame,
      ipAt,
    );
  }
  writeTcp(
    {
      sourcePort: 40000,
      destinationPort: 443,
      sequence: sequenceNumber(0xffff_fff0),
      acknowledgment: sequenceNumber(7),
      flags: TCP_PSH | TCP_ACK,
      window: 1000,
      urgentPointer: 0,
    },
    frame,
    tcpAt,
  );
  frame.set(PAYLOAD, tcpAt + TCP_HEADER_LENGTH);
  return frame;
}

for (const isIpv6 of [false, true]) {
  const family = isIpv6 ? "IPv6" : "IPv4";
  Deno.test(`segment: ${family}, tagged or not, without what pads the frame`, () => {
    for (const vlan of [undefined, 100]) {
      const segment = parseSegment(frameOf(isIpv6, { vlan }));
      assert(segment);
      assert.deepEqual(segment.payload, PAYLOAD);
      assert.deepEqual([segment.source.port, segment.destination.port], [40000, 443]);
      assert.deepEqual([segment.source.ip[0], segment.destination.ip.at(-1)], isIpv6 ? [1, 2] : [10, 2]);
      assert.equal(segment.sequenceNumber, 0xffff_fff0);
      assert.equal(segment.flags, TCP_PSH | TCP_ACK);
    }
  });

  Deno.test(`segment: ${family}, cut anywhere, is none`, () => {
    const whole = frameOf(isIpv6);
    for (let length = 0; length < whole.length - PADDING; length++) {
      assert.equal(parseSegment(whole.subarray(0, length)), undefined, `${length} bytes`);
    }
  });

  Deno.test(`segment: ${family}, another protocol is none`, () => {
    assert.equal(parseSegment(frameOf(isIpv6, { protocol: 17 })), undefined);
  });
}

Deno.test("segment: a fragment is none", () => {
  assert.equal(parseSegment(frameOf(false, { moreFragments: true })), undefined);
});
