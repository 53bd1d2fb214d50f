// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { deviceAmong, deviceOf } from "../../../net/sinks/interfaces.ts";
import { notLinux, skipIf } from "../../support/skip.ts";

const device = (digit: number) => `\\Device\\NPF_{0000000${digit}-0000-0000-0000-4E6574446576}`;

Deno.test("interfaces: Npcap's are known by device and by description, while it is of one only", () => {
  const known = [
    { name: device(1), description: "Ethernet" },
    { name: device(2), description: "Wi-Fi" },
    { name: device(3), description: "Wi-Fi" },
  ];
  assert.equal(deviceAmong(known, device(3)), device(3));
  assert.equal(deviceAmong(known, "Ethernet"), device(1));
  assert.equal(deviceAmong(known, "Wi-Fi"), undefined);
  assert.equal(deviceAmong(known, "ethernet"), undefined);
});

Deno.test({
  name: "interfaces: Linux has one name for each",
  ...skipIf(notLinux("its interfaces")),
  fn: () => assert.deepEqual([deviceOf("lo"), deviceOf("nosuchif0")], ["lo", undefined]),
});
