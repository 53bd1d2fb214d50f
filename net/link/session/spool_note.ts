// SPDX-License-Identifier: MIT
/** What a spool knows of a session beside its segments: where it begins, and where it ends. @module */
import { systemError } from "../../ffi/system_error.ts";
import { checkedLine, readCheckedLine } from "./checked_line.ts";

const NOTE_NAME = /^([0-9a-f]{32})\.note$/;

export interface SpoolNote {
  /** Packets below are acknowledged: their segments may be gone. */
  readonly acknowledged: number;
  /** Packets below are on disk, or told there as lost; absent while the session's agent runs. */
  readonly end?: number;
}

/** Session whose note is called that; undefined: it is none. */
export function sessionOfNote(name: string): string | undefined {
  return NOTE_NAME.exec(name)?.[1];
}

export function notePath(directory: string, session: string): string {
  return `${directory}/${session}.note`;
}

/** Undefined when there is none, or none that is as it was written, of which `warn` is told. */
export function readNote(path: string, warn: (message: string) => void): SpoolNote | undefined {
  let text: string;
  try {
    text = Deno.readTextFileSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) warn(`${path}: ${systemError(error).text}`);
    return undefined;
  }
  const value = readCheckedLine(text.trimEnd())?.value;
  const { acknowledged, end } = value ?? {};
  if (Number.isSafeInteger(acknowledged) && (end === undefined || Number.isSafeInteger(end))) {
    return value as unknown as SpoolNote;
  }
  warn(`${path} is not as it was written: what is missing at either end of its session is not known`);
  return undefined;
}

/** Puts it in the place of the one before. Answers whether it could. */
export function writeNote(path: string, note: SpoolNote): boolean {
  const fresh = `${path}.new`;
  try {
    Deno.writeTextFileSync(fresh, `${checkedLine({ ...note })}\n`, { mode: 0o600 });
    Deno.renameSync(fresh, path);
    return true;
  } catch {
    return false;
  }
}

export function deleteNote(path: string): void {
  try {
    Deno.removeSync(path);
  } catch {
    // Mostly there was none.
  }
}
