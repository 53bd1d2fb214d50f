// SPDX-License-Identifier: MIT
/** Kernel probes at a copy of OpenSSL that nobody but the programs of a test maps. @module */
import assert from "node:assert/strict";
import { libraryOf } from "../../net/capture/uprobes/libraries.ts";
import { ProbeSource } from "../../net/capture/uprobes/probe_source.ts";
import { buildProbes } from "../../tools/probes.ts";
import type { Fixture } from "../e2e/support/fixture.ts";
import type { CaptureLog } from "./capture_log.ts";
import type { Reason } from "./skip.ts";

export const LIBRARY = "libssl.so.3";
export const INSTALLED = `/usr/lib/${Deno.build.arch}-linux-gnu/${LIBRARY}`;

/** Why there is none. */
export function copyMissing(): Reason {
  return exists(INSTALLED) ? undefined : `not installed: ${LIBRARY}`;
}

function exists(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

/** Makes the copy, once; answers what a program that is to use it has in its environment. */
export async function copyLibrary(fixture: Fixture): Promise<{ LD_LIBRARY_PATH: string }> {
  const folder = fixture.path("lib");
  await Deno.mkdir(folder, { recursive: true });
  if (!exists(`${folder}/${LIBRARY}`)) await Deno.copyFile(INSTALLED, `${folder}/${LIBRARY}`);
  return { LD_LIBRARY_PATH: folder };
}

/** How the source differs from one that is as it comes. */
interface ProbesOptions {
  readonly ringBytes?: number;
  /** The compiled probes. */
  readonly object?: Uint8Array<ArrayBuffer>;
  readonly warn?: (message: string) => void;
}

/** A source whose probes are at the copy. */
export async function probesAt(
  fixture: Fixture,
  log: CaptureLog,
  { ringBytes = 1 << 20, object, warn = (message) => assert.fail(message) }: ProbesOptions = {},
): Promise<ProbeSource> {
  const path = `${(await copyLibrary(fixture)).LD_LIBRARY_PATH}/${LIBRARY}`;
  let number = 0;
  return new ProbeSource({
    object: object ?? await Deno.readFile(await buildProbes()),
    ringBytes,
    target: log,
    nextProgram: () => ++number,
    timeBaseNs: 0n,
    libraries: { find: () => [{ path, name: path, library: libraryOf(LIBRARY)!, isGuess: false }] },
    warn,
  });
}
