// SPDX-License-Identifier: MIT
/** Where clear text comes from: programs with the hook, a recording of them, or a source of the caller's own. @module */
import * as v from "valibot";
import { AgentLock } from "../capture/preload/agent_lock.ts";
import { HookSource } from "../capture/preload/hook_source.ts";
import { RecordingReader } from "../capture/recording/reader.ts";
import type { CaptureProgram, CaptureTarget } from "../capture/target.ts";
import type { RingReport } from "../status/report.ts";
import { BadSetting } from "../settings/bad_setting.ts";
import { MEMORY_MIN } from "../settings/limits.ts";
import { parsed, wholeNumber } from "../settings/schema.ts";
import { defaultRuntimeDir } from "./runtime_dir.ts";

export { RecordingError } from "../capture/recording/reader.ts";

/** A source as it is given to an agent, not yet at work. */
export interface CaptureSource {
  /** Where the sessions were seen, for the head of a capture. */
  readonly name: string;
  /** Nanoseconds since 1970 that its times count from. Default: the agent's start. */
  readonly timeBaseNs?: bigint;
  /** The recording that it reads, which nothing may be written to; absent: it reads no file. */
  readonly file?: string;
  /** Throws {@linkcode BadSetting} when it could not be opened, and leaves nothing behind: asked before any sink is opened. */
  check?(): void;
  /** Opens it. `target` is called for every record from {@linkcode OpenSource.run} on. Throws {@linkcode BadSetting}. */
  open(target: CaptureTarget, context: SourceContext): OpenSource;
  /** Gives back what it holds: called when the agent does not start, and it was not opened. */
  discard?(): void;
}

/** What an agent offers to a source. */
export interface SourceContext {
  /** Nanoseconds since 1970 that times given to the target count from. */
  readonly timeBaseNs: bigint;
  /** The number of the next program that the source tells of: no program of another source has it. */
  nextProgram(): number;
  /** Takes in what interfaces saw: to be called before each stretch of records. */
  look(): void;
  /** Hands on what came of the records so far: to be called after every stretch of them. */
  flush(): void;
  /** Does what {@linkcode flush} does and waits until slow sinks have caught up: for sources that can wait. */
  catchUp(): Promise<void>;
  /**
   * Whether any session of a program may be mirrored, by what is known of the program alone: of one that is not wanted a source may
   * tell nothing, and counts it as `skipped`.
   */
  isWanted(program: CaptureProgram): boolean;
  /** Takes a line for people. */
  warn(message: string): void;
}

/** A source at work. */
export interface OpenSource {
  /** Tells what it captures until there is no more, or it is closed. */
  run(): Promise<void>;
  /** Tells what it still has and ends its programs; {@linkcode run} settles before this does. */
  close(): Promise<void>;
  /** What tells programs; absent: nothing that reports speak of. */
  readonly capture?: "hook" | "probes";
  /** Absent where nothing is counted. */
  readonly counters?: SourceCounters;
}

/** Programs of a source. */
export interface SourceCounters {
  /** Mirrored so far. */
  readonly programs: number;
  /** Not mirrored, by reason, kebab-case. */
  readonly refused: ReadonlyMap<string, number>;
  /** Memory that programs share with the agent; absent where there is none. */
  readonly rings?: RingReport;
}

/** How programs with the hook find the agent, and what they may use. */
export interface HookSourceOptions {
  /**
   * Where hooks find the agent; made when missing. Programs have to be told of any other than `/run/sslcollector` by
   * `SSLCOLLECTOR_RUNTIME`. Default: {@linkcode defaultRuntimeDir}.
   */
  readonly runtimeDir?: string;
  /** Bytes of all rings together, at least 1 MiB; programs beyond it go unmirrored. Default: 512 MiB. */
  readonly memoryBytes?: number;
  /** The caller starts the programs, later than the agent: it is nothing to warn of that none can be found which began before. */
  readonly startsPrograms?: boolean;
}

const hookSchema = v.strictObject({
  runtimeDir: v.optional(v.string(), defaultRuntimeDir),
  memoryBytes: v.optional(wholeNumber(MEMORY_MIN)),
  startsPrograms: v.optional(v.boolean(), false),
});

const CANNOT_ADOPT = "programs that began before this agent, or while it was away, are not mirrored: " +
  "finding them needs root or CAP_CHECKPOINT_RESTORE";

/** Every program of this host that starts with the hook in its `LD_PRELOAD`. Throws {@linkcode BadSetting}. */
export function hookSource(options: HookSourceOptions = {}): CaptureSource {
  const { runtimeDir, memoryBytes, startsPrograms } = parsed(hookSchema, options);
  const checked = <T>(use: () => T): T => {
    try {
      return use();
    } catch (error) {
      throw new BadSetting("runtimeDir", (error as Error).message);
    }
  };
  return {
    name: "any",
    // The files of the sinks may be those that another agent writes.
    check: () => checked(() => AgentLock.take(runtimeDir).release()),
    open: (target, { timeBaseNs, nextProgram, look, flush, isWanted, warn }) =>
      checked(() => {
        const source = new HookSource({
          runtimeDir,
          timeBaseNs,
          totalMemory: memoryBytes,
          target,
          nextProgram,
          onLook: look,
          onBatch: flush,
          isWanted,
          warn,
        });
        if (!source.adopts && !startsPrograms) warn(CANNOT_ADOPT);
        return source;
      }),
  };
}

/** What may be asked of a recording on its way through. */
export interface RecordingSourceOptions {
  /** Told as it is read; `totalBytes` is undefined when nobody knows. */
  readonly progress?: (bytesRead: number, totalBytes: number | undefined) => void;
}

/**
 * What was kept of a run (`record` of its settings), for the same packets again. {@linkcode OpenSource.run} rejects with a
 * `RecordingError` where it is damaged; what stands before is told. Throws an `Error` that names the path when it cannot be
 * opened or is none.
 */
export async function openRecording(
  path: string,
  { progress }: RecordingSourceOptions = {},
): Promise<CaptureSource> {
  const recording = await RecordingReader.open(path);
  return {
    name: "replay",
    timeBaseNs: recording.timeBaseNs,
    file: path,
    discard: () => recording.close(),
    open(target, { nextProgram, catchUp }) {
      const cut = new AbortController();
      let replaying: Promise<unknown> | undefined;
      return {
        async run() {
          replaying = recording.replay(target, {
            nextProgram,
            onBatch: catchUp,
            progress,
            signal: cut.signal,
          });
          try {
            await replaying;
          } catch (error) {
            if (error !== cut.signal.reason) throw error;
          }
        },
        async close() {
          cut.abort();
          if (replaying === undefined) recording.close();
          // Whoever waits for `run` gets its error.
          await replaying?.catch(() => {});
        },
      };
    },
  };
}
