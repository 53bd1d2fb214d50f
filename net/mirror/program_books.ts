// SPDX-License-Identifier: MIT
/** The books of every program whose flows are mirrored: kept after it ended, and bounded. @module */
import type { CaptureProgram } from "../capture/target.ts";
import { Counters } from "./counters.ts";
import type { Flow } from "./flow.ts";

/** The books of one program, kept after it ended. */
export interface ProgramRow {
  /** Whose books they are; id 0 stands for programs that ended long ago. */
  readonly program: CaptureProgram;
  /** Its flows together. */
  readonly counters: Counters;
  /** Whether it tells no more. */
  readonly ended: boolean;
}

/** Ended programs that keep a row of their own; older ones share one. A row is about 1 KB. */
const ENDED_ROWS_MAX = 4096;
/** Stands for programs that ended long ago. */
const EARLIER: CaptureProgram = { id: 0, pid: 0, uid: 0, comm: "(earlier)" };

type MutableRow = { -readonly [name in keyof ProgramRow]: ProgramRow[name] };

export class ProgramBooks {
  readonly #rows = new Map<number, MutableRow>();

  /** Counters of a program: of what it told beside flows, and of flows that have ended. */
  of(program: CaptureProgram): Counters {
    return this.#row(program).counters;
  }

  /** The program tells no more. Keeps the rows bounded: the oldest ended one is added to that of all earlier ones. */
  end(program: CaptureProgram): void {
    this.#row(program).ended = true;
    if (this.#rows.size <= ENDED_ROWS_MAX) return;
    const oldest = this.#rows.values().find((row) => row.ended && row.program !== EARLIER);
    if (!oldest) return;
    this.#rows.delete(oldest.program.id);
    this.of(EARLIER).add(oldest.counters);
  }

  /** Copies of all books, with what flows that are open have so far. */
  rows(openFlows: Iterable<Flow>): ProgramRow[] {
    const rows = new Map<number, ProgramRow>();
    for (const [id, row] of this.#rows) {
      const counters = new Counters();
      counters.add(row.counters);
      rows.set(id, { ...row, counters });
    }
    for (const flow of openFlows) rows.get(flow.program.id)?.counters.add(flow.counters);
    return [...rows.values()];
  }

  /** Sums over all programs, with what flows that are open have so far. */
  total(openFlows: Iterable<Flow>): Counters {
    const total = new Counters();
    for (const { counters } of this.#rows.values()) total.add(counters);
    for (const { counters } of openFlows) total.add(counters);
    return total;
  }

  /** Programs that tell. */
  get live(): number {
    let live = 0;
    for (const { program, ended } of this.#rows.values()) if (!ended && program !== EARLIER) live++;
    return live;
  }

  #row(program: CaptureProgram): MutableRow {
    let row = this.#rows.get(program.id);
    if (!row) this.#rows.set(program.id, row = { program, counters: new Counters(), ended: false });
    return row;
  }
}
