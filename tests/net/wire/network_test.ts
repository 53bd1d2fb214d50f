// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { parseNetwork } from "../../../net/wire/network.ts";

const IPV6 = (...groups: number[]) => Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 0xff]));

Deno.test("networks: what is in them, at every kind of boundary", () => {
  const within: [string, Uint8Array, boolean][] = [
    ["10.0.0.0/8", Uint8Array.of(10, 255, 0, 1), true],
    ["10.0.0.0/8", Uint8Array.of(11, 0, 0, 1), false],
    ["192.0.2.128/25", Uint8Array.of(192, 0, 2, 128), true],
    ["192.0.2.128/25", Uint8Array.of(192, 0, 2, 127), false],
    ["192.0.2.7", Uint8Array.of(192, 0, 2, 7), true],
    ["192.0.2.7", Uint8Array.of(192, 0, 2, 8), false],
    ["0.0.0.0/0", Uint8Array.of(1, 2, 3, 4), true],
    ["0.0.0.0/0", IPV6(0, 0, 0, 0, 0, 0, 0, 1), false],
    ["2001:db8::/33", IPV6(0x2001, 0xdb8, 0x7fff, 0, 0, 0, 0, 1), true],
    ["2001:db8::/33", IPV6(0x2001, 0xdb8, 0x8000, 0, 0, 0, 0, 1), false],
    ["::1", IPV6(0, 0, 0, 0, 0, 0, 0, 1), true],
    ["2001:db8:1:2:3:4:5:6/128", IPV6(0x2001, 0xdb8, 1, 2, 3, 4, 5, 6), true],
    ["::ffff:10.0.0.0/104", IPV6(0, 0, 0, 0, 0, 0xffff, 0x0a01, 0x0203), true],
    ["::/0", IPV6(1, 2, 3, 4, 5, 6, 7, 8), true],
  ];
  for (const [network, ip, isIn] of within) {
    assert.equal(parseNetwork(network).has(ip), isIn, `${network} ${ip}`);
  }
});

Deno.test("networks: what is none is quoted", () => {
  for (
    const text of [
      "",
      "10.0.0/8",
      "10.0.0.0/33",
      "::/129",
      "10.0.0.0/",
      "10.0.0.0/8/9",
      "host",
      "10.0.0.0/-1",
    ]
  ) {
    assert.throws(() => parseNetwork(text), {
      message: `expected an address or a network such as 10.0.0.0/8, got ${JSON.stringify(text)}`,
    });
  }
});
