// SPDX-License-Identifier: MIT
/** Why a program is not mirrored, where its agent has other sources than the hook. Pure. @module */
import type { TlsLibrary } from "./mapped.ts";
import type { Reason } from "./reasons.ts";

/** Libraries that the kernel probes know. */
const PROBED: readonly TlsLibrary[] = ["openssl", "gnutls", "nss", "built-in-openssl"];
/** TLS inside a program that the probes know. */
const PROBED_INSIDE: ReadonlySet<Reason> = new Set<Reason>(["go", "built-in-openssl"]);

/**
 * What is left of the hook's `reason` in the eyes of an agent.
 *
 * @param captures what the agent tells programs by, of its report
 * @returns undefined: nothing is known to keep the program from being mirrored
 */
export function reasonBeside(
  reason: Reason | undefined,
  libraries: ReadonlySet<TlsLibrary>,
  captures: readonly string[],
): Reason | undefined {
  if (reason === undefined || reason === "no-tls-library" || !captures.includes("probes")) return reason;
  if (PROBED_INSIDE.has(reason) || PROBED.some((library) => libraries.has(library))) return undefined;
  return captures.includes("hook") ? reason : "unprobed";
}
