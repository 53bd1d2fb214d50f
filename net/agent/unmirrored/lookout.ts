// SPDX-License-Identifier: MIT
/**
 * Looks at a program and all that it starts while they run, to say afterwards why one was not mirrored: what a process had mapped
 * is gone when it ends. It is a look now and then, so what ends between two looks is counted as that, or not seen at all.
 *
 * @module
 */
import { childrenOf } from "../../capture/preload/process_facts.ts";
import { reasonFor, type Served } from "./classify.ts";
import { type Executable, readExecutable } from "./executable.ts";
import { lookAt, type ProcessFacts, programOf } from "./process.ts";
import type { Reason } from "./reasons.ts";
import { grouped, type Unmirrored } from "./unmirrored.ts";

/** Between two looks: the shortest after something was new, doubled each time when nothing was. */
const PACE_MS = { min: 10, max: 50 } as const;
/** And this for each process that is followed, of which a look costs less than a tenth of a millisecond. */
const EACH_MS = 1.5;
/** A program is looked at so long after it was seen first: libraries come late. */
const LOOKS_MS = [0, 10, 30, 100, 300, 1000, 5000, 30_000];
/** Threads of a process whose children are looked for, processes that are followed at a time, and programs that are remembered: what is beyond is not looked at. */
const THREADS_MAX = 16;
const FOLLOWED_MAX = 256;
const REMEMBERED_MAX = 4096;

/** What was seen. */
export interface LookoutReport {
  /** The program itself, when it was not mirrored. */
  readonly first: Unmirrored | undefined;
  /** What it started, as far as it has TLS of some kind, and was not mirrored. */
  readonly others: readonly Unmirrored[];
  /** Processes that ended before they were looked at, the first left out. */
  readonly ended: number;
}

/** One program of one process; after an exec it is another. */
interface Sight {
  readonly pid: number;
  readonly sinceMs: number;
  /** Path of the program, once looked at. */
  program: string | undefined;
  looks: number;
  facts: ProcessFacts | undefined;
  executable: Executable | undefined;
}

const newSight = (pid: number): Sight => ({
  pid,
  sinceMs: performance.now(),
  program: undefined,
  looks: 0,
  facts: undefined,
  executable: undefined,
});

export class Lookout {
  readonly #first: number;
  readonly #path: string | undefined;
  readonly #served: Served;
  /** Processes that have not ended, with the last sight of each. */
  readonly #followed = new Map<number, Sight>();
  readonly #sights: Sight[] = [];
  readonly #known = new Set<number>();
  /** By path of the program. */
  readonly #executables = new Map<string, Executable | undefined>();
  #paceMs: number = PACE_MS.min;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Follows process `first`, whose program is the file `path`, and those that descend from it. */
  constructor(first: number, path: string | undefined, served: Served) {
    this.#first = first;
    this.#path = path;
    this.#served = served;
    this.#follow(first);
    this.#look();
  }

  /**
   * Looks no more, and answers what was not mirrored.
   *
   * @param mirrored processes that were
   */
  stop(mirrored: ReadonlySet<number>): LookoutReport {
    clearTimeout(this.#timer);
    // An exec leaves nothing of the program before, unless that was seen to have TLS.
    const last = new Map(this.#sights.map((sight) => [sight.pid, sight]));
    const told = this.#sights.filter(({ pid }) => !mirrored.has(pid)).map((sight) => ({
      pid: sight.pid,
      comm: sight.facts?.comm ?? "",
      reason: reasonFor(sight.facts, this.#executableOf(sight), this.#served),
      isLast: last.get(sight.pid) === sight,
    }));
    const first = told.find(({ pid, isLast }) => pid === this.#first && isLast);
    const others = told.filter((one) => one !== first);
    return {
      first: first && grouped([first])[0],
      others: grouped(others.filter(({ reason }) => !NO_TLS.has(reason))),
      ended: others.filter(({ reason, isLast }) => reason === "ended" && isLast).length,
    };
  }

  #follow(pid: number): void {
    if (this.#followed.size >= FOLLOWED_MAX || this.#known.has(pid)) return;
    this.#see(newSight(pid));
  }

  #see(sight: Sight): void {
    if (this.#sights.length >= REMEMBERED_MAX) return;
    this.#known.add(sight.pid);
    this.#followed.set(sight.pid, sight);
    this.#sights.push(sight);
  }

  #look(): void {
    const before = this.#sights.length;
    for (const pid of this.#followed.keys()) {
      for (const child of childrenOf(pid, THREADS_MAX)) this.#follow(child);
    }
    for (const sight of [...this.#followed.values()]) this.#lookAt(sight);
    this.#paceMs = this.#sights.length > before ? PACE_MS.min : Math.min(PACE_MS.max, 2 * this.#paceMs);
    const waitMs = Math.max(this.#paceMs, EACH_MS * this.#followed.size);
    this.#timer = setTimeout(() => this.#look(), waitMs);
  }

  #lookAt(sight: Sight): void {
    const program = programOf(sight.pid);
    if (program === undefined) {
      this.#followed.delete(sight.pid);
    } else if (sight.program !== undefined && sight.program !== program) {
      this.#see(newSight(sight.pid));
    } else if (performance.now() - sight.sinceMs >= (LOOKS_MS[sight.looks] ?? Infinity)) {
      const facts = lookAt(sight.pid);
      if (facts?.mapped?.isLoaded === false) return;
      sight.looks++;
      if (facts === undefined) return;
      sight.program = program;
      // Reading a large file takes time, and says nothing more of a program with OpenSSL in its maps.
      if (!facts.mapped?.libraries.has("openssl")) sight.executable = this.#executable(program, facts);
      sight.facts = merged(sight.facts, facts);
    }
  }

  /** Of the first program the file is there when the process has gone, be it while it was looked at. */
  #executableOf({ pid, facts, executable, program }: Sight): Executable | undefined {
    const isKnown = executable !== undefined || facts?.mapped?.libraries.has("openssl");
    if (isKnown || pid !== this.#first || this.#path === undefined) return executable;
    return program === undefined || program === realPathOf(this.#path)
      ? readExecutable(this.#path)
      : undefined;
  }

  #executable(program: string, { executable }: ProcessFacts): Executable | undefined {
    const known = this.#executables.get(program) ??
      (executable === undefined ? undefined : readExecutable(executable));
    this.#executables.set(program, known);
    return known;
  }
}

function realPathOf(path: string): string | undefined {
  try {
    return Deno.realPathSync(path);
  } catch {
    return undefined;
  }
}

/** Of what a program started, these are no shortcoming of the mirror, or told as a number. */
const NO_TLS: ReadonlySet<Reason> = new Set<Reason>(["no-tls-library", "static", "ended"]);

/** A library may have been there for a time only. */
function merged(before: ProcessFacts | undefined, now: ProcessFacts): ProcessFacts {
  if (before?.mapped === undefined || now.mapped === undefined) return now.mapped ? now : before ?? now;
  return {
    ...now,
    mapped: {
      ...now.mapped,
      libraries: before.mapped.libraries.union(now.mapped.libraries),
      regions: before.mapped.regions.union(now.mapped.regions),
    },
  };
}
