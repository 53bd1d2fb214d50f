// SPDX-License-Identifier: MIT
/**
 * What the kernel says of a process, read from /proc: never more than a few hundred bytes at a time.
 *
 * @module
 */
import { printable } from "../record/layout.ts";

/** Of `/proc/PID/stat`. */
const TICKS_PER_SECOND = 100;
/** Generations that are asked for: a shell, its script, a supervisor and what started that. */
const ANCESTORS_MAX = 8;
/** Threads that are looked at to find an owner. */
const THREADS_MAX = 256;

function readText(path: string): string | undefined {
  try {
    return Deno.readTextFileSync(path);
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

export interface ProcessStatus {
  /** The effective one. */
  readonly uid: number;
  /** The process that a thread belongs to. */
  readonly pid: number;
  /** Its number in each pid namespace, from the reader's inwards. */
  readonly namespacePids: readonly number[];
}

/** What `/proc/ID/status` says of a process or thread; undefined when it is gone or hidden. */
export function processStatus(id: number, path = `/proc/${id}`): ProcessStatus | undefined {
  const text = readText(`${path}/status`);
  const uid = text && /^Uid:\s+\d+\s+(\d+)/m.exec(text);
  if (!text || !uid) return undefined;
  const pid = /^Tgid:\s+(\d+)/m.exec(text);
  const pids = /^NSpid:\s+(.*)$/m.exec(text)?.[1].trim().split(/\s+/).map(Number);
  return { uid: Number(uid[1]), pid: pid ? Number(pid[1]) : id, namespacePids: pids ?? [id] };
}

/** The fields of `/proc/PID/stat` behind the name, from `state` on. */
function statFields(pid: number): string[] | undefined {
  const text = readText(`/proc/${pid}/stat`);
  return text?.slice(text.lastIndexOf(")") + 2).split(" ");
}

/** Processor time that a process has used; undefined when it is gone or hidden. */
export function processorSeconds(pid: number): number | undefined {
  const fields = statFields(pid);
  return fields && (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** Parent, its parent and so on; undefined when the process is gone or hidden. */
export function ancestorsOf(pid: number): number[] | undefined {
  const ancestors: number[] = [];
  for (let at = pid; at > 1 && ancestors.length < ANCESTORS_MAX;) {
    const fields = statFields(at);
    if (fields === undefined) break;
    at = Number(fields[1]);
    ancestors.push(at);
  }
  return ancestors.length > 0 ? ancestors : undefined;
}

/** Children of a process's threads, of the first `threadsMax` of them, where the kernel tells. */
export function childrenOf(pid: number, threadsMax = THREADS_MAX): number[] {
  return threadsOf(pid, threadsMax).flatMap((thread) => childrenOfThread(pid, thread));
}

function childrenOfThread(pid: number, thread: number): number[] {
  return readText(`/proc/${pid}/task/${thread}/children`)?.trim().split(" ").filter(Boolean).map(Number) ??
    [];
}

/** A process and those below it, as far as the children of `threadsMax` threads tell. */
export function familyOf(pid: number, processesMax: number, threadsMax = THREADS_MAX): number[] {
  const family = [pid];
  let left = threadsMax;
  for (let i = 0; i < family.length && family.length < processesMax && left > 0; i++) {
    const threads = threadsOf(family[i], left);
    left -= threads.length;
    for (const thread of threads) family.push(...childrenOfThread(family[i], thread));
  }
  return family.slice(0, processesMax);
}

/**
 * The process a thread of which calls itself `id` in its own pid namespace. Main threads are asked first, then at most
 * `threadsMax` of the others: a program may have thousands, and ask for this as often as it likes.
 */
export function processWithThread(
  pids: readonly number[],
  id: number,
  threadsMax = THREADS_MAX,
): number | undefined {
  const main = pids.find((pid) => processStatus(pid)?.namespacePids.at(-1) === id);
  if (main !== undefined) return main;
  let left = threadsMax;
  return pids.find((pid) => {
    const threads = left > 0 ? threadsOf(pid, left) : [];
    left -= threads.length;
    return threads.some((thread) =>
      processStatus(thread, `/proc/${pid}/task/${thread}`)?.namespacePids.at(-1) === id
    );
  });
}

function threadsOf(pid: number, most: number): number[] {
  const threads: number[] = [];
  try {
    for (const { name } of Deno.readDirSync(`/proc/${pid}/task`)) {
      threads.push(Number(name));
      if (threads.length === most) break;
    }
  } catch {
    // It is gone or hidden.
  }
  return threads;
}
