// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import {
  certificateFindings,
  interfaceFinding,
  mergingFinding,
  programFindings,
} from "../../../../net/agent/doctor/setup.ts";
import type { Listed } from "../../../../net/pki/store.ts";

const LINK = { index: 1, name: "mirror0", mtu: 9000, isUp: true, hasCarrier: true, droppedFrames: 0 };

Deno.test("doctor: an interface that is not there, down, without carrier, with small frames", () => {
  const states: [Parameters<typeof interfaceFinding>[1], boolean, string, RegExp][] = [
    [undefined, true, "broken", /^ip link add mirror0 type dummy /],
    [undefined, false, "broken", /-I/],
    [{ ...LINK, isUp: false }, true, "broken", /^ip link set mirror0 up$/],
    [{ ...LINK, hasCarrier: false }, true, "broken", /other end/],
    [{ ...LINK, mtu: 1500 }, true, "warning", /mtu 9000/],
    [{ ...LINK, mtu: 1500 }, false, "ok", /^$/],
    [LINK, true, "ok", /^$/],
  ];
  for (const [facts, isWritten, state, fix] of states) {
    const finding = interfaceFinding("mirror0", facts, isWritten);
    assert.deepEqual([finding.subject, finding.state], ["interface mirror0", state], JSON.stringify(facts));
    assert.match(finding.fix ?? "", fix);
  }
});

const DAY_MS = 86_400_000;

Deno.test("doctor: certificates by the days that they have left; those of others are none of this host's", () => {
  const nowMs = 1_800_000_000_000;
  const listed = (name: string, days: number, changes: Partial<Listed> = {}) =>
    ({
      name,
      path: `/pki/${name}.crt`,
      validToMs: nowMs + (days + 0.5) * DAY_MS,
      isAuthority: false,
      hasKey: true,
      isRevoked: false,
      ...changes,
    }) as Listed;
  const findings = certificateFindings([
    listed("ca", 3000, { isAuthority: true, hasKey: false }),
    listed("web1", 80),
    listed("web2", 13),
    listed("web3", -1),
    listed("web4", 80, { isRevoked: true }),
    listed("other", -1, { hasKey: false }),
    listed("issuing", 80, { path: "/pki/agent-web1.crt", isAuthority: true }),
    listed("web1", 80, { path: "/pki/agent-web1.crt" }),
    listed("company", -1, { path: "/pki/agent-web5.crt", isAuthority: true }),
    listed("company", 80, { path: "/pki/agent-web5.crt", isAuthority: true }),
  ], nowMs);
  assert.deepEqual(findings.map(({ subject, state, fix }) => [subject, state, fix]), [
    [
      "certificate agent-web5",
      "broken",
      "put the certificate there that was issued for agent-web5.key, and the CA's into ca.crt",
    ],
    ["CA ca", "ok", undefined],
    ["certificate web1", "ok", undefined],
    ["certificate web2", "warning", "sslcollector pki renew web2"],
    ["certificate web3", "broken", "sslcollector pki renew web3"],
    ["certificate web4", "broken", "issue another: sslcollector pki issue"],
    ["CA issuing", "ok", undefined],
    ["certificate web1", "ok", undefined],
  ]);
});

Deno.test("doctor: an end that merges packets is told with the command for just that", () => {
  assert.equal(mergingFinding("mirror1", undefined).state, "ok");
  assert.equal(mergingFinding("mirror1", { gro: false, lro: false }).state, "ok");
  const { state, text, fix } = mergingFinding("mirror1", { gro: true, lro: true });
  assert.deepEqual([state, fix], ["warning", "ethtool -K mirror1 gro off lro off"]);
  assert.match(text, /^gro and lro on: /);
  assert.equal(mergingFinding("mirror1", { gro: true, lro: false }).fix, "ethtool -K mirror1 gro off");
});

Deno.test("doctor: programs are told by reason, with what would help where something would", () => {
  const program = { libraries: new Set(["openssl"] as const), hasHook: true, hasSanitizer: false };
  const findings = programFindings({
    programs: [
      { ...program, pid: 1, comm: "nginx", reason: undefined },
      { ...program, pid: 2, comm: "curl", reason: "environment" },
      { ...program, pid: 3, comm: "java", reason: "java" },
      ...[4, 5, 6, 7, 8, 9, 10].map((pid) => ({ ...program, pid, comm: "sh", reason: "seccomp" } as const)),
    ],
    hidden: 0,
  }, "/run/sslcollector");
  assert.equal(findings[0].text, "1 of 10 with TLS are there for the agent");
  assert.deepEqual(findings.map(({ state }) => state), ["note", "warning", "note", "warning"]);
  assert.match(findings[3].text, /: sh\[4\], sh\[5\], sh\[6\], sh\[7\], sh\[8\], and 2 more$/);
});
