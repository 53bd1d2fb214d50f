// SPDX-License-Identifier: MIT
/** What an agent has captured, forged and written, as data. @module */
import { Counters, type PerDirection } from "../mirror/counters.ts";
import type { ProgramRow } from "../mirror/program_books.ts";
import { type SinkBooks, sinkJson } from "../settings/sink_books.ts";

/** The books of a run. */
export interface MirrorBooks {
  /** Programs in the order in which they came; very many that ended are one row. */
  readonly programs: readonly ProgramRow[];
  /** Sinks by name; several collectors are one each. */
  readonly sinks: readonly SinkBooks[];
  /** Programs that could not be mirrored, by reason, kebab-case. */
  readonly refused: ReadonlyMap<string, number>;
}

/** Sums over all programs. */
export function totalOf({ programs }: Pick<MirrorBooks, "programs">): Counters {
  const total = new Counters();
  for (const { counters } of programs) total.add(counters);
  return total;
}

/** Every count, for `JSON.stringify`; bytes per direction, and `imbalance`, which is 0. */
export function booksJson(books: MirrorBooks): Record<string, unknown> {
  return {
    programs: books.programs.map(({ program, counters }) => ({
      program: program.comm,
      pid: program.pid,
      uid: program.uid,
      container: program.container,
      containerName: program.containerName,
      pod: program.pod,
      podName: program.podName,
      source: program.source,
      ...countersJson(counters),
    })),
    total: countersJson(totalOf(books)),
    sinks: books.sinks.map(sinkJson),
    programEvents: Object.fromEntries(books.refused),
  };
}

function countersJson(counters: Counters): Record<string, unknown> {
  const direction = ([toServer, toClient]: Readonly<PerDirection>) => ({ toServer, toClient });
  const map = (entries: ReadonlyMap<string, Readonly<PerDirection>>) =>
    Object.fromEntries([...entries].map(([reason, pair]) => [reason, direction(pair)]));
  return {
    flows: counters.flows,
    claimed: counters.claimed,
    captured: direction(counters.captured),
    decoded: direction(counters.decoded),
    lost: map(counters.lost),
    written: direction(counters.written),
    forged: direction(counters.forged),
    unforged: map(counters.unforged),
    events: Object.fromEntries(counters.events),
    packets: counters.packets,
    imbalance: counters.imbalance(),
  };
}
