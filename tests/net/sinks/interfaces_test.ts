// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { deviceAmong, deviceOf, shownName } from "../../../net/sinks/interfaces.ts";
import { notLinux, skipIf } from "../../support/skip.ts";

const device = (digit: number) => `\\Device\\NPF_{0000000${digit}-0000-0000-0000-4E6574446576}`;

const KNOWN = [
  { device: device(1), systemName: "Ethernet", description: "Intel(R) I210" },
  { device: device(2), systemName: "Ethernet 2", description: "Intel(R) I210" },
  { device: device(3), systemName: "Wi-Fi", description: "Ethernet" },
  { device: "\\Device\\NPF_Loopback", systemName: "", description: "Adapter for loopback" },
];

Deno.test("interfaces: Npcap's are known by device, by Windows' name, and by a description of one only", () => {
  for (
    const [name, expected] of [
      [device(3), device(3)],
      ["Ethernet", device(1)],
      ["Ethernet 2", device(2)],
      ["Adapter for loopback", "\\Device\\NPF_Loopback"],
      ["Intel(R) I210", undefined],
      ["ethernet", undefined],
    ] as const
  ) {
    assert.equal(deviceAmong(KNOWN, name), expected, name);
  }
});

Deno.test("interfaces: Npcap's are shown by the name that Windows has, with the device", () => {
  assert.equal(shownName(KNOWN[0]), `"Ethernet" (${device(1)})`);
  assert.equal(shownName(KNOWN[3]), '"Adapter for loopback" (\\Device\\NPF_Loopback)');
  assert.equal(shownName({ ...KNOWN[3], description: "" }), "\\Device\\NPF_Loopback");
});

Deno.test({
  name: "interfaces: Linux has one name for each",
  ...skipIf(notLinux("its interfaces")),
  fn: () => assert.deepEqual([deviceOf("lo"), deviceOf("nosuchif0")], ["lo", undefined]),
});
