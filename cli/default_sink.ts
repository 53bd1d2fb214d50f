// SPDX-License-Identifier: MIT
/** Where packets go when no -o is given. @module */
import type { SinkSpec } from "../net/sinks/kind.ts";
import { parseSinkSpec } from "../net/sinks/spec.ts";

/** `sslcollector-YYYYMMDD-HHMMSS-PID.pcapng` in the working directory, local time: a file of its own for every run. */
export function datedFile(): SinkSpec {
  const now = new Date();
  const two = (value: number) => String(value).padStart(2, "0");
  const date = `${now.getFullYear()}${two(now.getMonth() + 1)}${two(now.getDate())}`;
  const time = `${two(now.getHours())}${two(now.getMinutes())}${two(now.getSeconds())}`;
  const file = parseSinkSpec(`sslcollector-${date}-${time}-${Deno.pid}.pcapng`);
  return { ...file, check: () => checkUnasked(file) };
}

/** Nobody named the file: its mistake says how to. */
function checkUnasked(file: SinkSpec): void {
  try {
    file.check();
  } catch (error) {
    throw new Error(`${(error as Error).message}: -o FILE`);
  }
}

/**
 * Standard output when that is a pipe or a file and nothing else goes there, else a dated file: also for a service, whose output is
 * the journal.
 */
export function pipeOrDatedFile(
  { print, events }: { readonly print?: string; readonly events?: string },
): SinkSpec {
  const isTaken = print !== undefined || events === "-";
  return isTaken || Deno.stdout.isTerminal() || isJournal() ? datedFile() : parseSinkSpec("-");
}

/** Whether standard output is the socket that systemd names in JOURNAL_STREAM, as `device:inode`. */
function isJournal(): boolean {
  const [, inode] = (Deno.env.get("JOURNAL_STREAM") ?? "").split(":");
  return inode !== undefined && Deno.readLinkSync("/proc/self/fd/1") === `socket:[${inode}]`;
}
