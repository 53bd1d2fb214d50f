// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { machineOf } from "../../../../net/capture/uprobes/machine.ts";

const PLAIN = "processor\t: 0\nmodel name\t: one\nflags\t\t: fpu vme de\nbugs\t\t: none user_shstk\n";
const WITH_SHADOW_STACKS = PLAIN.replace("vme", "vme user_shstk");

Deno.test("calls are not probed where programs may have shadow stacks and the kernel does not know them there", () => {
  const releases = ["6.5.0-44-generic", "6.6.1", "6.8.0-31-generic", "6.17.9", "6.18.0", "7.0.1"];
  const harmless = (processors: string) =>
    releases.map((release) => machineOf("x86_64", release, processors)?.hasCallProbes);
  assert.deepEqual(harmless(PLAIN), [true, true, true, true, true, true]);
  assert.deepEqual(harmless(WITH_SHADOW_STACKS), [true, false, false, false, true, true]);
});
