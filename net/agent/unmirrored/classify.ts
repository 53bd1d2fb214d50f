// SPDX-License-Identifier: MIT
/** From what was seen of a process that was not mirrored to the reason. Pure. @module */
import { LIBRARY_NAME } from "../hook_library.ts";
import type { Executable } from "./executable.ts";
import type { Mapped, TlsLibrary } from "./mapped.ts";
import type { HookEnvironment, ProcessFacts } from "./process.ts";
import { DEFAULT_RUNTIME, type Reason } from "./reasons.ts";

/** The agent that should have mirrored it, and how programs get the hook. */
export interface Served {
  /** Name of the regions of this agent's runtime directory. */
  readonly region: string;
  readonly runtimeDir: string;
  /** Whose agent it is. */
  readonly uid: number;
  /** When ld.so.preload came to name the hook, milliseconds since 1970; undefined: it does not. */
  readonly systemSinceMs: number | undefined;
}

/** Libraries that the hook knows. */
const KNOWN: readonly TlsLibrary[] = ["openssl", "gnutls", "nss", "wolfssl", "mbedtls"];
/** Libraries that the hook does not know, by how sure their presence says that the program's TLS is theirs. */
const FOREIGN: readonly (TlsLibrary & Reason)[] = [
  "java",
  "built-in-openssl",
  "other-tls-library",
];

/**
 * Why this process, of which nothing was mirrored, was not.
 *
 * @param facts undefined: it ended before it was looked at
 * @param executable undefined: its file could not be read
 */
export function reasonFor(
  facts: ProcessFacts | undefined,
  executable: Executable | undefined,
  served: Served,
): Reason {
  if (facts === undefined) return reasonOfFile(executable) ?? "ended";
  const { mapped } = facts;
  const has = (library: TlsLibrary) =>
    mapped?.libraries.has(library) === true || executable?.libraries.has(library) === true;
  if (!KNOWN.some(has)) {
    const reason = reasonOfFile(executable) ?? FOREIGN.find(has);
    if (reason !== undefined) return reason;
  }
  // The hook makes a region where it finds a library that it knows, whatever its file is called.
  if (mapped !== undefined && (KNOWN.some(has) || mapped.regions.size > 0)) {
    return whyUnserved(facts, mapped, served);
  }
  if (facts.isSecure) return "set-user-id";
  return mapped === undefined ? "hidden" : "no-tls-library";
}

/** What a program's file alone says of it; undefined: nothing that keeps the hook away. */
export function reasonOfFile(executable: Executable | undefined): Reason | undefined {
  if (executable === undefined || KNOWN.some((library) => executable.libraries.has(library))) {
    return undefined;
  }
  const { builtIn, isStatic, libraries } = executable;
  return builtIn ?? (isStatic ? "static" : FOREIGN.find((library) => libraries.has(library)));
}

/** Why a program with a library that the hook knows was not mirrored. */
function whyUnserved(facts: ProcessFacts, mapped: Mapped, served: Served): Reason {
  if (!mapped.hasHook) return whyWithoutHook(facts, served);
  const isOther = served.uid !== 0 && facts.uid !== undefined && facts.uid !== served.uid;
  if (mapped.regions.has(served.region)) return isOther ? "other-user" : "no-clear-text";
  if (mapped.regions.size > 0 || isElsewhere(facts.environment, served)) return "other-agent";
  if (facts.environment?.hook === "0" && !facts.isSecure) return "switched-off";
  if (!facts.hasProc) return "chroot-without-proc";
  if (facts.isConfined && facts.environment?.seccomp !== "connect") return "seccomp";
  return "no-region";
}

function whyWithoutHook({ isSecure, environment, startedMs }: ProcessFacts, served: Served): Reason {
  if (served.systemSinceMs !== undefined) {
    return startedMs !== undefined && startedMs < served.systemSinceMs ? "started-before" : "not-loaded";
  }
  if (isSecure) return "set-user-id";
  return environment?.preload?.includes(LIBRARY_NAME) ? "not-loaded" : "environment";
}

/** The hook of this process looks for an agent in another directory. */
function isElsewhere(environment: HookEnvironment | undefined, { runtimeDir }: Served): boolean {
  return environment !== undefined && (environment.runtime ?? DEFAULT_RUNTIME) !== runtimeDir;
}
