// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import type { ProbeHost } from "../../../../net/capture/uprobes/requirements.ts";
import { probesFinding } from "../../../../net/agent/doctor/probes.ts";

const HOST: ProbeHost = {
  release: "6.18.44",
  architecture: "x86_64",
  status: "CapEff:\t000000c000000000\n",
  lockdown: undefined,
  hasTypes: true,
  hasUprobes: true,
  pidNamespace: "pid:[4026531836]",
};
const OBJECT = new Uint8Array(4);

Deno.test("doctor: kernel probes that can be used, and how the kernel takes them", async () => {
  for (const [release, text] of [["6.18.44", /all of a file at once/], ["6.5.0", /one by one/]] as const) {
    const finding = await probesFinding(OBJECT, { ...HOST, release });
    assert.match(finding.text, text);
    assert.match(finding.text, /^can be used.*; object [0-9a-f]{16}$/);
  }
});

Deno.test("doctor: kernels with which return probes may end confined programs are named", async () => {
  const releases = {
    "6.10.14": false,
    "6.11.0-21-generic": true,
    "6.12": true,
    "6.12.0-55.9.1.el10_0": true,
  };
  for (
    const [release, isNamed] of Object.entries({
      ...releases,
      ...{ "6.12.43+deb13-amd64": false, "6.13.1": true, "6.13.8": false, "6.14.0": false },
    })
  ) {
    const { text } = await probesFinding(OBJECT, { ...HOST, release });
    assert.equal(/without return probes/.test(text), isNamed, release);
  }
  const arm64 = await probesFinding(OBJECT, { ...HOST, release: "6.11.0", architecture: "aarch64" });
  assert.doesNotMatch(arm64.text, /without return probes/);
});

Deno.test("doctor: each thing that kernel probes lack is named", async () => {
  const cases: [Partial<ProbeHost>, RegExp][] = [
    [{ release: "6.2.0" }, /Linux 6\.3/],
    [{ architecture: "riscv64" }, /x86_64 or aarch64$/],
    [
      { status: "CapEff:\t0000004000000000\n" },
      /run it as root, or with CAP_BPF, CAP_PERFMON, CAP_NET_ADMIN and CAP_SYS_PTRACE, .* lacks CAP_BPF$/,
    ],
    [{ status: "CapEff:\t0000000000000000\n" }, /lacks CAP_BPF, CAP_PERFMON$/],
    [{ lockdown: "none integrity [confidentiality]" }, /locked down/],
    [{ hasTypes: false }, /type information/],
    [{ hasUprobes: false }, /CONFIG_UPROBE_EVENTS/],
    [{ pidNamespace: "pid:[4026532000]" }, /pid namespace/],
  ];
  for (const [change, text] of cases) {
    const finding = await probesFinding(OBJECT, { ...HOST, ...change });
    assert.equal(finding.state, "note");
    assert.match(finding.text, /^cannot be used/);
    assert.match(finding.text, text);
  }
  assert.match((await probesFinding("no clang", HOST)).text, /no clang/);
  assert.match(
    (await probesFinding(OBJECT, { ...HOST, architecture: "aarch64" })).text,
    /untried on this processor$/,
  );
});

Deno.test("doctor: root's rights of old are enough for kernel probes", async () => {
  const status = "CapEff:\t0000000000200000\n";
  assert.match((await probesFinding(OBJECT, { ...HOST, status })).text, /^can be used/);
});
