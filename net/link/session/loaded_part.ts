// SPDX-License-Identifier: MIT
/** Packets of a spool that were read back. @module */
import { offsetAfter } from "../blocks/batch_walker.ts";
import type { SpoolPart } from "./spool_part.ts";
import { nextRun, runAt } from "./spool_run.ts";

/** Packets of a part that follow each other; without bytes they are damaged. */
export interface LoadedRun {
  readonly first: number;
  readonly packets: number;
  readonly bytes: Uint8Array<ArrayBuffer> | undefined;
}

/** What a part holds: `bytes` are those of the segment, in which the packets are moved together. */
export function loadedRuns(part: SpoolPart, bytes: Uint8Array<ArrayBuffer>): LoadedRun[] {
  if (part.isUnchecked) return [{ first: part.first, packets: part.packets, bytes }];
  const runs: LoadedRun[] = [];
  const end = part.first + part.packets;
  let [next, filled, start] = [part.first, 0, 0];
  const finish = (first: number) => {
    const from = endOfRuns(runs, part.first);
    if (first > from) runs.push({ first: from, packets: first - from, bytes: bytes.subarray(start, filled) });
    start = filled;
  };
  const lose = (to: number) => {
    if (to <= next) return;
    finish(next);
    runs.push({ first: next, packets: to - next, bytes: undefined });
    next = to;
  };
  for (let at = nextRun(bytes, 0); at < bytes.length; at = nextRun(bytes, at)) {
    const { first, packets, headBytes, packetBytes, isSound } = runAt(bytes, at)!;
    if (first < next || first + packets > end) break;
    lose(first);
    if (isSound) {
      bytes.copyWithin(filled, at + headBytes, at + headBytes + packetBytes);
      filled += packetBytes;
      next = first + packets;
    } else lose(first + packets);
    at += headBytes + packetBytes;
  }
  lose(end);
  finish(next);
  return runs;
}

function endOfRuns(runs: readonly LoadedRun[], before: number): number {
  const last = runs.at(-1);
  return last === undefined ? before : last.first + last.packets;
}

/** Those of the packets from `first` to before `end`. */
export function runsBetween(runs: readonly LoadedRun[], first: number, end: number): LoadedRun[] {
  return runs.flatMap((run): LoadedRun[] => {
    const from = Math.max(first, run.first);
    const to = Math.min(end, run.first + run.packets);
    if (from >= to) return [];
    if (run.bytes === undefined) return [{ first: from, packets: to - from, bytes: undefined }];
    const start = offsetAfter(run.bytes, from - run.first);
    const rest = run.bytes.subarray(start);
    return [{ first: from, packets: to - from, bytes: rest.subarray(0, offsetAfter(rest, to - from)) }];
  });
}
