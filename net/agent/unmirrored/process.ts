// SPDX-License-Identifier: MIT
/** What /proc tells of a process that bears on whether it is mirrored. @module */
import { readMaps } from "../../ffi/process_maps.ts";
import { printable } from "../../wire/printable.ts";
import { type Mapped, readMapped } from "./mapped.ts";
import { exists } from "../../ffi/stat.ts";

/** What one look at a process found. */
export interface ProcessFacts {
  readonly pid: number;
  readonly comm: string;
  /** Path of its program as this process reaches it; undefined when hidden. */
  readonly executable: string | undefined;
  /** Effective user. */
  readonly uid: number | undefined;
  /** Undefined: its maps may not be read. */
  readonly mapped: Mapped | undefined;
  /** The kernel told the loader to ignore LD_PRELOAD (AT_SECURE); undefined when hidden. */
  readonly isSecure: boolean | undefined;
  /** A seccomp filter is in force, by now. */
  readonly isConfined: boolean;
  /** Variables that the hook heeds, as the program was started with them; undefined when hidden. */
  readonly environment: HookEnvironment | undefined;
  /** Its root directory has a /proc. */
  readonly hasProc: boolean;
  /** Milliseconds since 1970. */
  readonly startedMs: number | undefined;
}

export interface HookEnvironment {
  readonly preload: string | undefined;
  readonly runtime: string | undefined;
  readonly hook: string | undefined;
  readonly seccomp: string | undefined;
}

const AT_SECURE = 23n;

/** Path of a process's program as the kernel names it; undefined when it has ended, or is hidden. */
export function programOf(pid: number): string | undefined {
  try {
    return Deno.readLinkSync(`/proc/${pid}/exe`);
  } catch {
    return undefined;
  }
}

/** Looks at a process; undefined when it has ended. */
export function lookAt(pid: number): ProcessFacts | undefined {
  const status = readText(pid, "status");
  if (status === undefined || /^State:\s+[ZX]/m.test(status)) return undefined;
  const maps = readMaps(pid);
  // A process that is ending has given its memory back.
  if (maps === "") return undefined;
  const mapped = maps === undefined ? undefined : readMapped(maps);
  const facts = {
    pid,
    comm: printable(/^Name:\t(.*)$/m.exec(status)?.[1] ?? ""),
    executable: executableOf(pid),
    uid: numberIn(status, /^Uid:\s+\d+\s+(\d+)/m),
    mapped,
    isSecure: isSecure(pid) ?? hasOtherRights(status),
    isConfined: numberIn(status, /^Seccomp:\s+(\d)/m) === 2,
    environment: environmentOf(pid),
    hasProc: exists(`/proc/${pid}/root/proc/stat`),
    startedMs: startedMs(pid),
  };
  // Who ends loses its memory first and its root directory later: what was read while it did so is not to be trusted.
  return mapped !== undefined && programOf(pid) === undefined ? undefined : facts;
}

/** The program's file: through the process's own root, and also when it was replaced since. */
function executableOf(pid: number): string | undefined {
  const path = `/proc/${pid}/exe`;
  return exists(path) ? path : undefined;
}

function numberIn(text: string, pattern: RegExp): number | undefined {
  const match = pattern.exec(text);
  return match ? Number(match[1]) : undefined;
}

function environmentOf(pid: number): HookEnvironment | undefined {
  const text = readText(pid, "environ");
  if (text === undefined) return undefined;
  const entries = text.split("\0");
  const value = (name: string) =>
    entries.find((entry) => entry.startsWith(`${name}=`))?.slice(name.length + 1);
  return {
    preload: value("LD_PRELOAD"),
    runtime: value("SSLCOLLECTOR_RUNTIME"),
    hook: value("SSLCOLLECTOR_HOOK"),
    seccomp: value("SSLCOLLECTOR_SECCOMP"),
  };
}

function isSecure(pid: number): boolean | undefined {
  try {
    const { buffer, byteLength } = Deno.readFileSync(`/proc/${pid}/auxv`);
    const words = new BigUint64Array(buffer, 0, byteLength >> 3);
    for (let at = 0; at + 1 < words.length; at += 2) if (words[at] === AT_SECURE) return words[at + 1] !== 0n;
    return undefined;
  } catch {
    return undefined;
  }
}

/** What is left to go by when the auxiliary vector is hidden, as that of a set-user-id program is. */
function hasOtherRights(status: string): true | undefined {
  const match = /^Uid:\s+(\d+)\s+(\d+)/m.exec(status);
  return match !== null && match[1] !== match[2] ? true : undefined;
}

/** Of the times in /proc/PID/stat. */
const TICK_MS = 10;
/** The 22nd field; those behind the name begin with the third. */
const START_TIME = 22 - 3;

function startedMs(pid: number): number | undefined {
  const stat = readText(pid, "stat");
  const uptime = Deno.readTextFileSync("/proc/uptime").split(" ")[0];
  if (stat === undefined) return undefined;
  const ticks = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[START_TIME]);
  return Date.now() - Number(uptime) * 1000 + ticks * TICK_MS;
}

function readText(pid: number, file: string): string | undefined {
  try {
    return Deno.readTextFileSync(`/proc/${pid}/${file}`);
  } catch {
    return undefined;
  }
}
