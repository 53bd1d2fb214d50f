// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { formatFlowKey, formatIp, formatSocketAddress } from "../../../net/wire/flow_key.ts";

const ipv6 = (...groups: number[]) => Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 255]));

Deno.test("addresses are written as RFC 5952 says", () => {
  const cases: [Uint8Array, string][] = [
    [Uint8Array.of(192, 0, 2, 1), "192.0.2.1"],
    [ipv6(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1), "2001:db8::1"],
    [ipv6(0, 0, 0, 0, 0, 0, 0, 0), "::"],
    [ipv6(0, 0, 0, 0, 0, 0, 0, 1), "::1"],
    [ipv6(0xfe80, 0, 0, 0, 0, 0, 0, 0), "fe80::"],
    [ipv6(0x2001, 0xdb8, 0, 1, 1, 1, 1, 1), "2001:db8:0:1:1:1:1:1"],
    [ipv6(0x2001, 0, 0, 1, 0, 0, 0, 1), "2001:0:0:1::1"],
    [ipv6(0x2001, 0xdb8, 0, 0, 1, 0, 0, 1), "2001:db8::1:0:0:1"],
  ];
  for (const [ip, text] of cases) assert.equal(formatIp(ip), text);
});

Deno.test("endpoints and keys put IPv6 addresses into brackets", () => {
  const client = { ip: ipv6(0xfe80, 0, 0, 0, 0, 0, 0, 1), port: 1 };
  const server = { ip: ipv6(0xfe80, 0, 0, 0, 0, 0, 0, 2), port: 443 };
  assert.equal(formatSocketAddress({ ip: Uint8Array.of(10, 0, 0, 1), port: 80 }), "10.0.0.1:80");
  assert.equal(formatFlowKey({ client, server }), "[fe80::1]:1>[fe80::2]:443");
});
