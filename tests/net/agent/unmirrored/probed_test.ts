// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import type { TlsLibrary } from "../../../../net/agent/unmirrored/mapped.ts";
import { reasonBeside } from "../../../../net/agent/unmirrored/probed.ts";
import type { Reason } from "../../../../net/agent/unmirrored/reasons.ts";

type Case = readonly [Reason | undefined, readonly TlsLibrary[], readonly string[], Reason | undefined];

const CASES: readonly Case[] = [
  ["environment", ["openssl"], ["probes"], undefined],
  ["seccomp", ["gnutls"], ["hook", "probes"], undefined],
  ["go", [], ["probes"], undefined],
  ["built-in-openssl", [], ["probes"], undefined],
  ["rustls", [], ["probes"], "unprobed"],
  ["environment", ["wolfssl"], ["probes"], "unprobed"],
  ["environment", ["wolfssl"], ["hook", "probes"], "environment"],
  ["rustls", [], ["hook", "probes"], "rustls"],
  ["environment", ["openssl"], ["hook"], "environment"],
  ["environment", ["openssl"], [], "environment"],
  ["no-tls-library", [], ["probes"], "no-tls-library"],
  [undefined, ["openssl"], ["probes"], undefined],
];

for (const [reason, libraries, captures, left] of CASES) {
  Deno.test(`reasons: ${reason} of ${libraries} under ${captures.join(" and ") || "no agent"}: ${left}`, () => {
    assert.equal(reasonBeside(reason, new Set(libraries), captures), left);
  });
}
