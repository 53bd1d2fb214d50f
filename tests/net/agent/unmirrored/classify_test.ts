// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { reasonFor, type Served } from "../../../../net/agent/unmirrored/classify.ts";
import type { Executable } from "../../../../net/agent/unmirrored/executable.ts";
import type { Mapped, TlsLibrary } from "../../../../net/agent/unmirrored/mapped.ts";
import type { ProcessFacts } from "../../../../net/agent/unmirrored/process.ts";
import {
  type Reason,
  REASON_TEXTS,
  reasonText,
  refusalLine,
} from "../../../../net/agent/unmirrored/reasons.ts";

const HOOK = "/usr/lib/sslcollector/libsslcollector_hook.so";
const SERVED: Served = { region: "sslcollector:3:1", runtimeDir: "/run/x", uid: 0, systemSinceMs: undefined };
const PLAIN: Executable = { isStatic: false, libraries: new Set(), builtIn: undefined };

interface Case {
  readonly mapped?: Partial<Mapped> & { readonly has?: readonly TlsLibrary[] };
  readonly facts?: Partial<ProcessFacts>;
  readonly executable?: Partial<Executable>;
  readonly served?: Partial<Served>;
}

/** A process with the hook as `run` starts it, but for what the case says. */
function reasonOf({ mapped = {}, facts, executable, served }: Case): Reason {
  const { has = ["openssl"], ...rest } = mapped;
  const whole: Mapped = {
    libraries: new Set(has),
    hasHook: true,
    regions: new Set(),
    hasSanitizer: false,
    isLoaded: true,
    ...rest,
  };
  const process: ProcessFacts = {
    pid: 1,
    comm: "program",
    executable: "/proc/1/exe",
    uid: 0,
    mapped: whole,
    isSecure: false,
    isConfined: false,
    environment: { preload: HOOK, runtime: "/run/x", hook: undefined, seccomp: undefined },
    hasProc: true,
    startedMs: 1000,
    ...facts,
  };
  return reasonFor(process, { ...PLAIN, ...executable }, { ...SERVED, ...served });
}

const environment = { preload: HOOK, runtime: "/run/x", hook: undefined, seccomp: undefined };
const REGIONS = { regions: new Set(["sslcollector:3:1"]) };
const CASES: readonly (readonly [Reason, string, Case])[] = [
  ["no-tls-library", "no TLS at all", { mapped: { has: [] } }],
  ["no-region", "GnuTLS, the hook, and no region", { mapped: { has: ["gnutls"] } }],
  ["no-region", "wolfSSL, the hook, and no region", { mapped: { has: ["wolfssl"] } }],
  ["no-region", "NSS, the hook, and no region", { mapped: { has: ["nss"] } }],
  ["no-region", "mbed TLS, the hook, and no region", { mapped: { has: ["mbedtls"] } }],
  ["mbedtls", "mbed TLS that is built in", { mapped: { has: [] }, executable: { builtIn: "mbedtls" } }],
  ["other-tls-library", "s2n", { mapped: { has: ["other-tls-library"] } }],
  ["other-tls-library", "linked with it, and looked at before the loader was done", {
    mapped: { has: [] },
    executable: { libraries: new Set(["other-tls-library"]) },
  }],
  ["java", "Java, whatever its native libraries have", { mapped: { has: ["java", "built-in-openssl"] } }],
  ["go", "Go, which is linked statically as well", {
    mapped: { has: [], hasHook: false },
    executable: { builtIn: "go", isStatic: true },
  }],
  ["static", "static, and nobody knows what is in it", {
    mapped: { has: [], hasHook: false },
    executable: { isStatic: true },
  }],
  ["built-in-openssl", "its own OpenSSL, though the hook made a region for its names", {
    mapped: { has: [], ...REGIONS },
    executable: { builtIn: "built-in-openssl" },
  }],
  ["no-clear-text", "a region, and nothing in it", { mapped: REGIONS }],
  ["no-clear-text", "a region, and a library whose name says nothing", { mapped: { has: [], ...REGIONS } }],
  ["no-clear-text", "OpenSSL that is used, with GnuTLS beside it", {
    mapped: { has: ["gnutls", "openssl"], ...REGIONS },
  }],
  ["no-clear-text", "a filter that it installed once it had its region", {
    mapped: REGIONS,
    facts: { isConfined: true },
  }],
  ["seccomp", "a filter and no region", { facts: { isConfined: true } }],
  ["no-region", "a filter that it was told is harmless", {
    facts: { isConfined: true, environment: { ...environment, seccomp: "connect" } },
  }],
  ["switched-off", "told to keep still", { facts: { environment: { ...environment, hook: "0" } } }],
  ["other-agent", "a region for another agent", { mapped: { regions: new Set(["sslcollector:3:2"]) } }],
  ["other-agent", "told of another agent", { facts: { environment: { ...environment, runtime: "/run/y" } } }],
  ["other-agent", "told of another agent, and to keep still", {
    facts: { environment: { ...environment, runtime: "/run/y", hook: "0" } },
  }],
  ["other-agent", "told of none, where the agent is not where hooks look first", {
    facts: { environment: { ...environment, runtime: undefined } },
  }],
  ["other-user", "a user's agent, and a program of another's", {
    mapped: REGIONS,
    facts: { uid: 33 },
    served: { uid: 1000 },
  }],
  ["chroot-without-proc", "a root without /proc", { facts: { hasProc: false } }],
  ["no-region", "the hook, OpenSSL, and no region", {}],
  ["set-user-id", "without the hook, as the loader was told", {
    mapped: { hasHook: false },
    facts: { isSecure: true },
  }],
  ["set-user-id", "hidden, with two user ids", { facts: { mapped: undefined, isSecure: true } }],
  ["hidden", "hidden", { facts: { mapped: undefined, isSecure: undefined } }],
  ["environment", "an environment without the hook", {
    mapped: { hasHook: false },
    facts: { environment: { ...environment, preload: undefined } },
  }],
  ["not-loaded", "an environment with the hook, and no hook", { mapped: { hasHook: false } }],
  ["not-loaded", "ld.so.preload was there before, but not for it", {
    mapped: { hasHook: false },
    facts: { environment: { ...environment, preload: undefined } },
    served: { systemSinceMs: 500 },
  }],
  ["started-before", "ld.so.preload came later", {
    mapped: { hasHook: false },
    served: { systemSinceMs: 2000 },
  }],
];

for (const [reason, what, process] of CASES) {
  Deno.test(`reasons: ${what}: ${reason}`, () => assert.equal(reasonOf(process), reason));
}

Deno.test("reasons: what ended before it was looked at is told by its file, where that says enough", () => {
  assert.equal(reasonFor(undefined, undefined, SERVED), "ended");
  assert.equal(reasonFor(undefined, PLAIN, SERVED), "ended");
  assert.equal(reasonFor(undefined, { ...PLAIN, libraries: new Set(["openssl"]) }, SERVED), "ended");
  assert.equal(reasonFor(undefined, { ...PLAIN, libraries: new Set(["gnutls"]) }, SERVED), "ended");
  assert.equal(reasonFor(undefined, { ...PLAIN, libraries: new Set(["nss"]) }, SERVED), "ended");
  const other = { ...PLAIN, libraries: new Set(["other-tls-library"] as const) };
  assert.equal(reasonFor(undefined, other, SERVED), "other-tls-library");
  assert.equal(reasonFor(undefined, { ...PLAIN, isStatic: true }, SERVED), "static");
});

Deno.test("reasons: each has a line of its own, which ends a sentence", () => {
  const texts = Object.values(REASON_TEXTS);
  assert.equal(new Set(texts).size, texts.length);
  for (const text of texts) assert.match(text, /^\S.*[^.\s]$/);
  assert.equal(reasonText("of-a-later-version"), "of-a-later-version");
  assert.match(refusalLine("memory", 1), /^1 program not mirrored: the rings had/);
  assert.match(refusalLine("deepbind", 2), /^2 libraries not mirrored: loaded with RTLD_DEEPBIND/);
});
