// SPDX-License-Identifier: MIT
/** Kernel probes at a copy of OpenSSL, or another library, that nobody but the programs of a test maps. @module */
import assert from "node:assert/strict";
import { libraryOf } from "../../net/capture/uprobes/libraries.ts";
import { ProbeSource } from "../../net/capture/uprobes/probe_source.ts";
import { buildProbes } from "../../tools/probes.ts";
import type { Fixture } from "../e2e/support/fixture.ts";
import { CaptureLog } from "./capture_log.ts";
import type { Reason } from "./skip.ts";
import { isFile } from "../../net/ffi/stat.ts";

export const LIBRARY = "libssl.so.3";
const FOLDER = `/usr/lib/${Deno.build.arch}-linux-gnu`;
export const INSTALLED = `${FOLDER}/${LIBRARY}`;

/** Why there is none. */
export function copyMissing(): Reason {
  return isFile(INSTALLED) ? undefined : `not installed: ${LIBRARY}`;
}

/** Makes a copy, once; answers what a program that is to use it has in its environment. */
export async function copyLibrary(fixture: Fixture, name = LIBRARY): Promise<{ LD_LIBRARY_PATH: string }> {
  const folder = fixture.path("lib");
  await Deno.mkdir(folder, { recursive: true });
  if (!isFile(`${folder}/${name}`)) await Deno.copyFile(`${FOLDER}/${name}`, `${folder}/${name}`);
  return { LD_LIBRARY_PATH: folder };
}

/** How the source differs from one that is as it comes. */
interface ProbesOptions {
  readonly ringBytes?: number;
  /** File names of what is copied and probed; OpenSSL's when absent. */
  readonly names?: readonly string[];
  /** The compiled probes. */
  readonly object?: Uint8Array<ArrayBuffer>;
  readonly warn?: (message: string) => void;
}

/** A source whose probes are at the copies. */
export async function probesAt(
  fixture: Fixture,
  log: CaptureLog,
  { ringBytes = 1 << 20, names = [LIBRARY], object, warn = (message) => assert.fail(message) }:
    ProbesOptions = {},
): Promise<ProbeSource> {
  const found = await Promise.all(names.map(async (name) => {
    const path = `${(await copyLibrary(fixture, name)).LD_LIBRARY_PATH}/${name}`;
    return { path, name: path, libraries: [libraryOf(name)!], isGuess: false };
  }));
  let number = 0;
  return new ProbeSource({
    object: object ?? await Deno.readFile(await buildProbes()),
    ringBytes,
    target: log,
    nextProgram: () => ++number,
    timeBaseNs: 0n,
    libraries: { find: () => found },
    warn,
  });
}

/** What probes at the copies tell while `use` runs, and what they have counted then. */
export async function toldWhile(
  fixture: Fixture,
  use: (log: CaptureLog) => Promise<void>,
  options: ProbesOptions = {},
): Promise<{ readonly log: CaptureLog; readonly counters: ProbeSource["counters"] }> {
  const log = new CaptureLog();
  const source = await probesAt(fixture, log, options);
  const running = source.run();
  try {
    await use(log);
  } finally {
    await source.close();
    await running;
  }
  return { log, counters: source.counters };
}
