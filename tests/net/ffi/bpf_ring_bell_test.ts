// SPDX-License-Identifier: MIT
/** The bell of the probes' ring, which programs ring that begin. */
import assert from "node:assert/strict";
import { LoadedProbes } from "../../../net/capture/uprobes/loader.ts";
import { BpfRing } from "../../../net/ffi/bpf_ring.ts";
import { BpfRingBell } from "../../../net/ffi/bpf_ring_bell.ts";
import { buildProbes } from "../../../tools/probes.ts";
import { probesMissing } from "../../e2e/support/probes.ts";
import { runOk } from "../../support/run.ts";
import { skipIf } from "../../support/skip.ts";
import { awaited } from "../../support/until.ts";

const RING_BYTES = 1 << 20;

Deno.test({
  name:
    "a ring of kernel probes is heard of at once when a program begins, and no more when its bell is closed",
  ...skipIf(await probesMissing()),
  fn: async () => {
    const probes = new LoadedProbes(await Deno.readFile(await buildProbes()), RING_BYTES);
    const { fd } = probes.map("ring");
    const [ring, bell] = [new BpfRing(fd, RING_BYTES), new BpfRingBell(fd)];
    const rung = bell.rung();
    await runOk("true");
    await awaited("the bell", rung);
    assert.ok(ring.hasMore);
    ring.read(() => {}, RING_BYTES);
    const unheard = bell.rung();
    await awaited("the end of the bell", bell.close());
    await unheard;
    ring.close();
    probes.close();
  },
});
