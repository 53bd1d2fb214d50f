// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import {
  clockFinding,
  glibcFinding,
  kernelFinding,
  pcapFinding,
  rightsFinding,
} from "../../../../net/agent/doctor/host.ts";
import { notLinux, skipIf } from "../../../support/skip.ts";

Deno.test("doctor: kernels that are old enough, and machines that the hook is made for", () => {
  const states: [string, string, string][] = [
    ["6.1.0-18-amd64", "x86_64", "ok"],
    ["3.17", "aarch64", "ok"],
    ["3.16.85", "x86_64", "broken"],
    ["2.6.32", "x86_64", "broken"],
    ["6.1.0", "riscv64", "broken"],
  ];
  for (const [release, architecture, state] of states) {
    assert.equal(kernelFinding(release, architecture).state, state, `${release} ${architecture}`);
  }
});

Deno.test("doctor: a glibc that is too old has an archive that brings another", () => {
  for (
    const [version, state] of [["2.36", "ok"], ["2.27", "ok"], ["2.26", "broken"], [undefined, "ok"]] as const
  ) {
    assert.equal(glibcFinding(() => version).state, state, version);
  }
  assert.match(glibcFinding(() => "2.17").fix!, /-own-libc\.tar\.gz$/);
});

Deno.test(
  "doctor: what the kernel says of this host's C library and clock is read",
  skipIf(notLinux("libc")),
  () => {
    assert.match(glibcFinding().text, /^\d+\.\d+$|another/);
    assert.match(clockFinding().text, /^(not )?synchronized|does not say/);
  },
);

Deno.test("doctor: a clock that nobody holds is told with what would", () => {
  assert.deepEqual([true, undefined].map((is) => clockFinding(() => is).state), ["ok", "ok"]);
  const { state, fix } = clockFinding(() => false);
  assert.equal(state, "warning");
  assert.match(fix!, /^timedatectl set-ntp true/);
});

Deno.test("doctor: libpcap that is missing costs interfaces, and says which package it is", () => {
  assert.equal(pcapFinding(() => {}).state, "ok");
  const missing = pcapFinding(() => {
    throw new Error("libpcap is missing (tried a, b): install the package libpcap0.8");
  });
  assert.deepEqual(missing, {
    subject: "libpcap",
    state: "warning",
    text: "libpcap is missing (tried a, b): no writing to interfaces",
    fix: "install the package libpcap0.8",
  });
});

Deno.test("doctor: rights are told by what is missing without them", () => {
  const status = (bits: bigint) => `Name:\tx\nCapEff:\t${bits.toString(16).padStart(16, "0")}\n`;
  const all = (1n << 41n) - 1n;
  assert.equal(rightsFinding(status(all)).state, "ok");
  assert.match(
    rightsFinding(status(all & ~(1n << 13n))).text,
    /^without CAP_NET_RAW: no writing to interfaces/,
  );
  assert.match(
    rightsFinding(status(0n)).text,
    /CAP_NET_RAW.*CAP_CHECKPOINT_RESTORE.*CAP_DAC_READ_SEARCH.*CAP_SYS_PTRACE/,
  );
  // The older right has it.
  assert.equal(rightsFinding(status(all & ~(1n << 40n))).state, "ok");
  assert.match(
    rightsFinding(status(all & ~(1n << 40n) & ~(1n << 21n))).text,
    /^without CAP_CHECKPOINT_RESTORE/,
  );
});
