// SPDX-License-Identifier: MIT
/** Ethernet, IPv4, IPv6 and TCP headers share one set of tests: golden bytes, cuts, patterns, mutations. */
import assert from "node:assert/strict";
import * as ethernet from "../../../net/wire/ethernet.ts";
import * as ipv4 from "../../../net/wire/ipv4.ts";
import * as ipv6 from "../../../net/wire/ipv6.ts";
import type { Parsed } from "../../../net/wire/parsed.ts";
import { sequenceNumber } from "../../../net/wire/seq.ts";
import * as tcp from "../../../net/wire/tcp.ts";
import { hex, withSeed } from "../../support/random.ts";

interface Protocol<T> {
  readonly name: string;
  readonly golden: Uint8Array;
  readonly header: T;
  length(header: T): number;
  parse(bytes: Uint8Array, offset: number): Parsed<T>;
  write(header: T, bytes: Uint8Array, offset: number): void;
}

const PROTOCOLS: readonly Protocol<unknown>[] = [
  protocol({
    name: "Ethernet",
    golden: hex("02736c630002 02736c630001 0800"),
    header: {
      destination: hex("02736c630002"),
      source: hex("02736c630001"),
      etherType: ethernet.ETHERTYPE_IPV4,
    },
    length: ethernet.ethernetHeaderLength,
    parse: ethernet.parseEthernet,
    write: ethernet.writeEthernet,
  }),
  protocol({
    name: "Ethernet with a VLAN tag",
    golden: hex("02736c630002 02736c630001 8100 6064 86dd"),
    header: {
      destination: hex("02736c630002"),
      source: hex("02736c630001"),
      etherType: ethernet.ETHERTYPE_IPV6,
      vlan: 100,
      vlanPriority: 3,
    },
    length: ethernet.ethernetHeaderLength,
    parse: ethernet.parseEthernet,
    write: ethernet.writeEthernet,
  }),
  protocol({
    name: "IPv4",
    // A header whose checksum is worked out in many textbooks.
    golden: hex("4500 0073 0000 4000 4011 b861 c0a80001 c0a800c7"),
    header: {
      totalLength: 0x73,
      identification: 0,
      dontFragment: true,
      moreFragments: false,
      fragmentOffset: 0,
      timeToLive: 64,
      protocol: 17,
      source: hex("c0a80001"),
      destination: hex("c0a800c7"),
    },
    length: () => ipv4.IPV4_HEADER_LENGTH,
    parse: ipv4.parseIpv4,
    write: ipv4.writeIpv4,
  }),
  protocol({
    name: "IPv6",
    golden: hex("6a2b cdef 0020 06 40 20010db8000000000000000000000001 20010db8000000000000000000000002"),
    header: {
      trafficClass: 0xa2,
      flowLabel: 0xbcdef,
      payloadLength: 32,
      nextHeader: ipv4.IP_PROTOCOL_TCP,
      hopLimit: 64,
      source: hex("20010db8000000000000000000000001"),
      destination: hex("20010db8000000000000000000000002"),
    },
    length: () => ipv6.IPV6_HEADER_LENGTH,
    parse: ipv6.parseIpv6,
    write: ipv6.writeIpv6,
  }),
  protocol({
    name: "TCP",
    golden: hex("9c40 0050 fffffffe 00000001 50 18 ffff 0000 0000"),
    header: {
      sourcePort: 40000,
      destinationPort: 80,
      sequence: sequenceNumber(0xfffffffe),
      acknowledgment: sequenceNumber(1),
      flags: tcp.TCP_ACK | tcp.TCP_PSH,
      window: 65535,
      urgentPointer: 0,
    },
    length: tcp.tcpHeaderLength,
    parse: tcp.parseTcp,
    write: tcp.writeTcp,
  }),
  protocol({
    name: "TCP with options",
    golden: hex("9c40 0050 01020304 00000000 70 02 ffff 0000 0000 020405b4 01030307"),
    header: {
      sourcePort: 40000,
      destinationPort: 80,
      sequence: sequenceNumber(0x01020304),
      acknowledgment: sequenceNumber(0),
      flags: tcp.TCP_SYN,
      window: 65535,
      urgentPointer: 0,
      maximumSegmentSize: 1460,
      windowScale: 7,
    },
    length: tcp.tcpHeaderLength,
    parse: tcp.parseTcp,
    write: tcp.writeTcp,
  }),
];

function protocol<T>(protocol: Protocol<T>): Protocol<unknown> {
  return protocol as Protocol<unknown>;
}

for (const { name, golden, header, length, parse, write } of PROTOCOLS) {
  Deno.test(`${name}: golden bytes both ways`, () => {
    assert.equal(length(header), golden.length);
    const bytes = new Uint8Array(golden.length);
    write(header, bytes, 0);
    assert.deepEqual(bytes, golden);
    assert.deepEqual(parse(golden, 0), { state: "value", value: header, bytesUsed: golden.length });
  });

  Deno.test(`${name}: writing touches every byte of its own and no other`, () => {
    for (const pattern of [0x00, 0xa5, 0xff]) {
      const bytes = new Uint8Array(golden.length + 10).fill(pattern);
      write(header, bytes, 5);
      assert.deepEqual(bytes.subarray(5, 5 + golden.length), golden);
      assert.ok(bytes.subarray(0, 5).every((byte) => byte === pattern));
      assert.ok(bytes.subarray(5 + golden.length).every((byte) => byte === pattern));
    }
  });

  Deno.test(`${name}: cut anywhere, it needs more, and no more than there is`, () => {
    for (let cut = 0; cut < golden.length; cut++) {
      const answer = parse(golden.slice(0, cut), 0);
      assert.equal(answer.state, "more");
      assert.ok(answer.state === "more" && answer.bytesNeeded > cut && answer.bytesNeeded <= golden.length);
    }
  });

  Deno.test(`${name}: parses at an offset`, () => {
    const bytes = new Uint8Array(golden.length + 8).fill(0xee);
    bytes.set(golden, 3);
    assert.deepEqual(parse(bytes, 3), { state: "value", value: header, bytesUsed: golden.length });
  });

  Deno.test(`${name}: mutations never throw nor use more than there is`, () =>
    withSeed((random) => {
      for (let round = 0; round < 3000; round++) {
        const bytes = random.mutated(golden);
        const answer = parse(bytes, 0);
        if (answer.state === "value") assert.ok(answer.bytesUsed <= bytes.length);
        if (answer.state === "more") assert.ok(answer.bytesNeeded > bytes.length);
      }
    }));
}

Deno.test("IPv4: a wrong checksum, version or length is malformed", () => {
  const golden = hex("4500 0073 0000 4000 4011 b861 c0a80001 c0a800c7");
  for (const [at, value] of [[10, 0], [0, 0x55], [0, 0x44], [3, 4]]) {
    const bytes = golden.slice();
    bytes[at] = value;
    if (at === 3) bytes[2] = 0;
    assert.equal(ipv4.parseIpv4(bytes, 0).state, "malformed");
  }
});

Deno.test("TCP: options of impossible length are malformed", () => {
  const golden = hex("9c40 0050 01020304 00000000 60 02 ffff 0000 0000 020405b4");
  for (const length of [0, 1, 5, 255]) {
    const bytes = golden.slice();
    bytes[21] = length;
    assert.equal(tcp.parseTcp(bytes, 0).state, "malformed");
  }
  assert.equal(tcp.parseTcp(golden, 0).state, "value");
});
