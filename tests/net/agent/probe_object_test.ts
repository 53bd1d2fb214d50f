// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { probesFinding } from "../../../net/agent/doctor/probes.ts";
import { probesLine, readProbes } from "../../../net/agent/probe_object.ts";
import { missing } from "../../support/run.ts";
import { skipIf } from "../../support/skip.ts";
import { sha256 } from "../../support/tshark.ts";

const HOST = {
  release: "6.6.1-amd64",
  architecture: "x86_64",
  status: "CapEff:\t000001ffffffffff\n",
  lockdown: undefined,
  hasTypes: true,
  hasUprobes: true,
  pidNamespace: "pid:[4026531836]",
};

Deno.test({
  name: "version and doctor name the kernel probes by the hash of their object, and the kernels' levels",
  ...skipIf(missing("clang")),
  fn: async () => {
    const object = await readProbes();
    const hash = sha256(object).slice(0, 16);
    assert.equal(
      await probesLine(),
      `kernel probes: object ${hash}, for Linux 6.3 (one by one) and 6.6 (all of a file at once) and later`,
    );
    const textAt = async (release: string) => (await probesFinding(object, { ...HOST, release })).text;
    assert.ok((await textAt("6.6.1")).endsWith(`attached all of a file at once; object ${hash}`));
    assert.ok((await textAt("6.5.0")).endsWith(`attached one by one; object ${hash}`));
    assert.match(await textAt("6.2.9"), /cannot be used .* missing Linux 6\.3$/);
  },
});
