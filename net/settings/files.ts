// SPDX-License-Identifier: MIT
/** Files that a run reads and writes: each has one use, or one would destroy the other. @module */
import type { SinkSpec } from "../sinks/kind.ts";
import { isSameFile } from "../sinks/same_file.ts";
import { BadSetting } from "./bad_setting.ts";

/** A file that is read. */
export interface InputFile {
  readonly path: string;
  /** What it is, for people. */
  readonly kind: "recording" | "capture" | "plugin";
}

/** All files of a run. */
export interface RunFiles {
  /** Default: none. */
  readonly inputs?: readonly InputFile[];
  /** Default: none. */
  readonly sinks?: readonly SinkSpec[];
  /** Files that are written besides, by the setting that names them. */
  readonly outputs: Readonly<Record<string, string | undefined>>;
}

/** A file, and what it is already, with settings called what `name` answers for them. */
interface FileInUse {
  readonly path: string;
  readonly use: (name: (setting: string) => string) => string;
}

/**
 * Throws {@linkcode BadSetting} for a file that would be written and has another use already, or is called as standard output is
 * elsewhere; two sinks are not compared. Opens nothing.
 */
export function checkFiles({ inputs = [], sinks = [], outputs }: RunFiles): void {
  const inUse: FileInUse[] = inputs.map(({ path, kind }) => ({ path, use: () => `the ${kind} itself` }));
  const sinkPaths = sinks.flatMap(({ file }) => file === undefined ? [] : [file.path]);
  for (const path of sinkPaths) checkFree("sinks", path, inUse);
  inUse.push(...sinkPaths.map((path) => ({ path, use: () => "a sink already" })));
  for (const [setting, path] of Object.entries(outputs)) {
    if (path === undefined) continue;
    if (path === "-") {
      throw new BadSetting(setting, "goes into a file, not to standard output; one that is called - is ./-");
    }
    checkFree(setting, path, inUse);
    inUse.push({ path, use: (name) => `${name(setting)} already` });
  }
}

function checkFree(setting: string, path: string, inUse: readonly FileInUse[]): void {
  const other = inUse.find((other) => isSameFile(other.path, path));
  if (other === undefined) return;
  throw new BadSetting(setting, (name) => `${JSON.stringify(path)} is ${other.use(name)}, give another file`);
}
