// SPDX-License-Identifier: MIT
/**
 * Who a mirrored process is and whether it still lives, asked of the kernel rather than of the process.
 *
 * @module
 */
import type { CaptureProgram } from "../target.ts";
import { namespaceInode } from "../../ffi/sock_diag.ts";
import { errno, ESRCH, libc, SYS_PIDFD_OPEN } from "../../ffi/libc.ts";
import { printable } from "../record/layout.ts";

const POLLFD_SIZE = 8;
const POLLIN = 1;

/** A process that is watched. Without pidfds (or rights to them) signal 0 is asked instead. */
export interface WatchedProcess {
  readonly pid: number;
  /** -1 where there is none. */
  readonly pidfd: number;
  /** The kernel was asked about this very process; else `dead` only means that it could not be found. */
  readonly known: boolean;
  dead: boolean;
}

/** Notices that processes have ended: one system call for all of them. */
export class ProcessWatch {
  readonly #watched = new Set<WatchedProcess>();
  #entries = new DataView(new ArrayBuffer(64 * POLLFD_SIZE));

  /** Begins to watch `pid`; 0 is a process that this namespace cannot see, which counts as living. */
  watch(pid: number): WatchedProcess {
    let pidfd = -1;
    let dead = false;
    if (pid > 0) {
      pidfd = Number(libc().pidfd_open(SYS_PIDFD_OPEN, BigInt(pid), 0n));
      if (pidfd < 0 && errno() === ESRCH) dead = true;
    }
    const process = { pid, pidfd, known: pid > 0, dead };
    this.#watched.add(process);
    return process;
  }

  forget(process: WatchedProcess): void {
    if (this.#watched.delete(process) && process.pidfd >= 0) libc().close(process.pidfd);
  }

  /** Sets `dead` of every process that has ended; answers whether any newly did. */
  look(): boolean {
    let found = false;
    const polled: WatchedProcess[] = [];
    for (const process of this.#watched) {
      if (process.dead) continue;
      if (process.pidfd >= 0) polled.push(process);
      else if (process.pid > 0 && libc().kill(process.pid, 0) !== 0 && errno() === ESRCH) {
        process.dead = found = true;
      }
    }
    if (polled.length === 0) return found;
    if (this.#entries.byteLength < polled.length * POLLFD_SIZE) {
      this.#entries = new DataView(new ArrayBuffer(2 * polled.length * POLLFD_SIZE));
    }
    for (let i = 0; i < polled.length; i++) {
      this.#entries.setInt32(i * POLLFD_SIZE, polled[i].pidfd, true);
      this.#entries.setInt32(i * POLLFD_SIZE + 4, POLLIN, true);
    }
    if (libc().poll(new Uint8Array(this.#entries.buffer), BigInt(polled.length), 0) > 0) {
      for (let i = 0; i < polled.length; i++) {
        if (this.#entries.getInt16(i * POLLFD_SIZE + 6, true) !== 0) polled[i].dead = found = true;
      }
    }
    return found;
  }

  close(): void {
    for (const process of [...this.#watched]) this.forget(process);
  }
}

function readText(path: string): string | undefined {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return undefined;
  }
}

function readLink(path: string): string | undefined {
  try {
    return Deno.readLinkSync(path);
  } catch {
    return undefined;
  }
}

const encoder = new TextEncoder();

/** Name of a process, printable; undefined when it is gone or hidden. */
export function processName(pid: number): string | undefined {
  const text = readText(`/proc/${pid}/comm`);
  if (text === undefined) return undefined;
  const bytes = encoder.encode(text.endsWith("\n") ? text.slice(0, -1) : text);
  return printable(bytes, 0, Math.min(bytes.length, 15));
}

/** Path of a process's program; undefined when it is gone or hidden. */
export function processProgram(pid: number): string | undefined {
  return readLink(`/proc/${pid}/exe`);
}

/** What `/proc/PID/status` says of a process; undefined when it is gone or hidden. */
export function processStatus(pid: number): { uid: number; namespacePids: number[] } | undefined {
  const text = readText(`/proc/${pid}/status`);
  if (text === undefined) return undefined;
  const uid = /^Uid:\s+\d+\s+(\d+)/m.exec(text);
  if (uid === null) return undefined;
  const pids = /^NSpid:\s+(.*)$/m.exec(text)?.[1].trim().split(/\s+/).map(Number);
  return { uid: Number(uid[1]), namespacePids: pids ?? [pid] };
}

/** Generations that are asked for: a shell, its script, a supervisor and what started that. */
const ANCESTORS_MAX = 8;

/** Parent, its parent and so on; undefined when the process is gone or hidden. */
export function ancestorsOf(pid: number): number[] | undefined {
  const ancestors: number[] = [];
  for (let at = pid; at > 1 && ancestors.length < ANCESTORS_MAX;) {
    const stat = readText(`/proc/${at}/stat`);
    if (stat === undefined) break;
    at = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
    ancestors.push(at);
  }
  return ancestors.length > 0 ? ancestors : undefined;
}

/** What the kernel says of a process's place: its network namespace, and whom it descends from, `kin` besides. */
export function processPlace(
  pid: number,
  kin: readonly number[] = [],
): Pick<CaptureProgram, "networkNamespace" | "ancestors"> {
  const ancestors = ancestorsOf(pid);
  return {
    networkNamespace: namespaceInode(`/proc/${pid}/ns/net`),
    ancestors: ancestors && [...new Set([...kin, ...ancestors])],
  };
}

/** Every process that this namespace shows. */
function* allProcesses(): Generator<number> {
  for (const entry of Deno.readDirSync("/proc")) {
    const pid = Number(entry.name);
    if (Number.isInteger(pid)) yield pid;
  }
}

/**
 * Process id, in the agent's namespace, of the process that calls itself `owner` in the namespace of the process
 * whose id is `parent` here and `parentOwn` there; undefined when there is none (it has ended, or is hidden).
 */
export function resolveOwner(owner: number, parent: number, parentOwn: number): number | undefined {
  if (parent === parentOwn) return processStatus(owner) === undefined ? undefined : owner;
  const parents = readLink(`/proc/${parent}/ns/pid`);
  for (const pid of allProcesses()) {
    const status = processStatus(pid);
    if (status !== undefined && status.namespacePids.length > 1 && status.namespacePids.at(-1) === owner) {
      const namespace = readLink(`/proc/${pid}/ns/pid`);
      if (namespace !== undefined && (parents === undefined || namespace === parents)) return pid;
    }
  }
  return undefined;
}

/** Whether a process maps the memory file `inode`; undefined when its maps cannot be read. */
export function mapsInode(pid: number, inode: number): boolean | undefined {
  const maps = readText(`/proc/${pid}/maps`);
  return maps === undefined ? undefined : memoryFiles(maps).includes(inode);
}

function memoryFiles(maps: string): number[] {
  const lines = maps.split("\n").filter((line) => line.includes("/memfd:"));
  return lines.map((line) => Number(line.split(/\s+/, 5)[4]));
}

/**
 * Which of `inodes` (of memory files) some process still maps. Only processes that run one of `programs` are asked (all,
 * when one of them is not known): a mapping is inherited by fork and does not survive exec.
 */
export function mappedInodes(
  inodes: ReadonlySet<number>,
  programs: ReadonlySet<string | undefined>,
): Set<number> {
  const found = new Set<number>();
  for (const pid of allProcesses()) {
    if (pid === Deno.pid) continue;
    if (!programs.has(undefined) && !programs.has(processProgram(pid))) continue;
    for (const inode of memoryFiles(readText(`/proc/${pid}/maps`) ?? "")) {
      if (inodes.has(inode)) found.add(inode);
    }
  }
  return found;
}
