// SPDX-License-Identifier: MIT
/** Skipping a test by name, with its reason. @module */
import { exists } from "../../net/ffi/stat.ts";

/** What keeps a test from running here; undefined: nothing. */
export type Reason = string | undefined;

export interface Skip {
  readonly ignore: boolean;
  readonly reason: Reason;
}

/**
 * To be spread into a test's definition: skips it for the first reason that there is. A test that needs something for a part of
 * what it shows is two tests.
 */
export function skipIf(...reasons: readonly (Reason | false)[]): Skip {
  const reason = reasons.find((reason) => typeof reason === "string") || undefined;
  return { ignore: reason !== undefined, reason };
}

/** Why what only Linux has is not there. */
export function notLinux(what: string): Reason {
  return Deno.build.os === "linux" ? undefined : `${what}: only on Linux`;
}

/** Why what only root may do cannot be done. */
export function notRoot(what: string): Reason {
  return notLinux(what) ?? (Deno.uid() === 0 ? undefined : `${what}: only as root`);
}

/** Why a C program cannot be compiled: this header is not there. */
export function headerMissing(header: string, from: string): Reason {
  return exists(`/usr/include/${header}`) ? undefined : `not installed: ${from}`;
}

/** The reason to skip what needs a file. */
export function noFile(path: string): Reason {
  return exists(path) ? undefined : `not installed: ${path}`;
}
