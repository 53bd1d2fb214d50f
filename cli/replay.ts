// SPDX-License-Identifier: MIT
/** `sslcollector replay FILE`: a recording through the same pipeline, to the same packets. @module */
import { RecordingError, RecordingReader } from "../net/capture/mod.ts";
import { BadInput } from "./bad_input.ts";
import { pipeOrDatedFile } from "./default_sink.ts";
import { printError } from "./log.ts";
import { Mirror } from "../net/agent/mirror.ts";
import { planMirror } from "../net/agent/mirror_plan.ts";
import type { ReplayCommand } from "./options.ts";
import { fileOf } from "./sink_options.ts";
import { formatBytes } from "./summary.ts";

/** Answers the exit status: 1 when the recording is damaged; what stands before the damage is mirrored. */
export async function runReplay(command: ReplayCommand): Promise<number> {
  const plan = await planMirror(command, pipeOrDatedFile);
  const path = command.recording;
  const sink = fileOf(plan.sinks, path);
  if (sink !== undefined) throw new BadInput(`--output: ${sink} is the recording itself, give another file`);
  const recording = await open(path);
  const mirror = await Mirror.start(plan, recording.timeBaseNs);
  const progress = new Progress(path);
  let damage: RecordingError | undefined;
  try {
    await recording.replay(mirror.pipeline, {
      onBatch: () => mirror.settle(),
      progress: (bytesRead, totalBytes) => progress.show(bytesRead, totalBytes),
    });
  } catch (error) {
    if (!(error instanceof RecordingError)) throw error;
    damage = error;
  }
  progress.clear();
  await mirror.finish();
  if (damage) printError(`sslcollector: replay: ${path}: ${damage.message}`);
  return damage ? 1 : 0;
}

async function open(path: string): Promise<RecordingReader> {
  try {
    return await RecordingReader.open(path);
  } catch (error) {
    const { message } = error as Error;
    throw new BadInput(`replay: ${message.includes(path) ? "" : `${path}: `}${message}`);
  }
}

/** A line that rewrites itself on a terminal, at most five times a second. */
class Progress {
  readonly #shown = Deno.stderr.isTerminal();
  #lastMs = performance.now();
  #drawn = false;

  constructor(readonly path: string) {}

  show(bytesRead: number, totalBytes = 0): void {
    const nowMs = performance.now();
    if (!this.#shown || nowMs - this.#lastMs < 200) return;
    this.#lastMs = nowMs;
    this.#drawn = true;
    const percent = Math.floor(100 * bytesRead / Math.max(1, totalBytes));
    this.#write(`\r${this.path}: ${percent} % of ${formatBytes(totalBytes)}`);
  }

  clear(): void {
    if (this.#drawn) this.#write("\r\x1b[K");
  }

  #write(text: string): void {
    Deno.stderr.writeSync(new TextEncoder().encode(text));
  }
}
