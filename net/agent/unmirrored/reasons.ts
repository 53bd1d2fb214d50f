// SPDX-License-Identifier: MIT
/** Why a program was not mirrored: every reason that is counted or said, with its line for people. @module */

/** What follows "was not mirrored: " or "not mirrored: ", by reason. */
export const REASON_TEXTS = {
  // Of its TLS library.
  "no-tls-library": "no TLS library was mapped in it when it was looked at",
  "mbedtls": "mbed TLS is built into the program, where the hook does not reach",
  "wolfssl": "wolfSSL is built into the program, where the hook does not reach",
  "other-tls-library": "its TLS library is none that the hook knows",
  "java": "it is a Java program, and Java has TLS of its own",
  "go": "it is a Go program, and Go has TLS of its own, built in",
  "rustls": "rustls is built into the program, where the hook does not reach",
  "built-in-openssl": "OpenSSL or a fork of it is built into the program, where the hook does not reach",
  "static": "it is linked statically, so that no library can be put before its TLS",
  "no-clear-text": "it passed no clear text through its TLS library where the hook sees it",
  "unprobed": "its TLS library is none that the kernel probes know",
  // Counted in libraries.
  "deepbind": "loaded with RTLD_DEEPBIND, past the hook, where it could not be led back",
  // Of how it was started.
  "set-user-id": "it runs with another user's rights, so that the loader ignores LD_PRELOAD",
  "environment": "LD_PRELOAD does not name the hook in the environment that it was started with",
  "started-before": "it was started before the hook was installed",
  "not-loaded": "its loader found no hook in its file system, which may be one of its own, as in a container",
  "switched-off": "SSLCOLLECTOR_HOOK=0 is in its environment",
  "seccomp":
    "a seccomp filter confines it, so that the hook keeps silent (see SSLCOLLECTOR_SECCOMP in docs/coverage.md)",
  "chroot-without-proc":
    "its root directory has no /proc, where the hook asks whether a seccomp filter is in force",
  "other-agent": "its hook looks for an agent in another directory (SSLCOLLECTOR_RUNTIME)",
  "other-user":
    "it runs as another user than the agent, and the hook trusts an agent of its own user or of root only",
  "no-region":
    "the hook had no shared memory in it when it was looked at: too early, no TLS call, or its limits left no room",
  // Of what the agent was told to mirror, could see or hold.
  "left-out": "--only or --skip of the agent leave out all of its sessions",
  "ended": "it ended before it was looked at",
  "hidden": "its maps may not be read by this user",
  "memory": "the rings had all the memory that they may have (--memory)",
  "no-ring": "its region had no spare ring, and it could not make a region of its own",
  "bad-region": "what it handed over is no region that this agent reads",
  "sealed-memory": "it sealed the memory that it shares against being given back",
  "too-many-regions": "its user has as many regions as one may have",
} as const satisfies Record<string, string>;

/** Where hooks look that were told nothing. */
export const DEFAULT_RUNTIME = "/run/sslcollector";

/** Why a program was not mirrored, kebab-case. */
export type Reason = keyof typeof REASON_TEXTS;

/** What would have a program mirrored, by reason, where something would. */
const FIXES: Partial<Record<Reason, string>> = {
  "environment": "start it with the hook: sslcollector hook install --unit NAME, or --system",
  "started-before": "start it again",
  "not-loaded": "put the hook where its loader finds it, under its own root",
  "set-user-id": "sslcollector hook install --system: /etc/ld.so.preload counts for it too",
  "switched-off": "start it without SSLCOLLECTOR_HOOK=0",
  "seccomp": "SSLCOLLECTOR_SECCOMP=connect in its environment, where its filter allows that",
  "chroot-without-proc": "mount /proc in its root directory",
  "other-user": "run the agent as root",
  "memory": "give the agent more --memory",
};

/** What would help at an agent in `runtimeDir`; undefined where nothing that this version has does. */
export function fixOf(reason: string, runtimeDir: string): string | undefined {
  if (reason === "other-agent") return `start it with ${environmentOf(runtimeDir)}`;
  if (reason === "environment" && runtimeDir !== DEFAULT_RUNTIME) {
    return `start it with ${environmentOf(runtimeDir)} and LD_PRELOAD=$(sslcollector hook path)`;
  }
  return (FIXES as Record<string, string | undefined>)[reason];
}

/** What a program is started with that is to find an agent in `runtimeDir`. */
export function environmentOf(runtimeDir: string): string {
  return `SSLCOLLECTOR_RUNTIME=${runtimeDir}`;
}

/** A line for people on what an agent could not serve. */
export function refusalLine(reason: string, amount: number): string {
  const [one, many] = reason === "deepbind" ? ["library", "libraries"] : ["program", "programs"];
  return `${amount} ${amount === 1 ? one : many} not mirrored: ${reasonText(reason)}`;
}

/** What a reason is called for people; a reason of a source that this version does not know stands for itself. */
export function reasonText(reason: string): string {
  return (REASON_TEXTS as Record<string, string>)[reason] ?? reason;
}
