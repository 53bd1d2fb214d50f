// SPDX-License-Identifier: MIT
/** `sslcollector replay FILE`: a recording through the same pipeline, to the same packets. @module */
import { startAgent } from "../net/agent/agent.ts";
import { type CaptureSource, openRecording, RecordingError } from "../net/agent/source.ts";
import { BadInput } from "./bad_input.ts";
import { log, tell } from "./log.ts";
import { mirrorSettings, tellMirror } from "./mirror_settings.ts";
import type { ReplayCommand } from "./options.ts";
import { Shutdown } from "./shutdown.ts";
import { formatBytes } from "./format.ts";
import { summarize } from "./summary.ts";

/** Answers the exit status: 1 when the recording is damaged; what stands before the damage is mirrored. */
export async function runReplay(command: ReplayCommand): Promise<number> {
  const settings = mirrorSettings(command);
  const path = command.recording;
  const progress = new Progress(path);
  const recording = await open(path, progress);
  if (command.dryRun) return await tellMirror({ ...settings, sources: [recording] });
  const agent = await startAgent({ ...settings, sources: [recording] });
  if (agent.pageUrl !== undefined) tell(`page: ${agent.pageUrl}`);
  let damage: RecordingError | undefined;
  try {
    await agent.ended;
  } catch (error) {
    if (!(error instanceof RecordingError)) throw error;
    damage = error;
  }
  progress.clear();
  if (agent.pageUrl !== undefined) await untilSeen();
  summarize(await agent.finish(), command.summary);
  if (damage) tell(`sslcollector: replay: ${path}: ${damage.message}`, "error");
  return damage ? 1 : 0;
}

/** The page of what was replayed is there until it is told to end. */
async function untilSeen(): Promise<void> {
  const shutdown = new Shutdown();
  log.info("all of it is on the page; stop with Ctrl-C");
  await shutdown.asked;
  shutdown.release();
}

async function open(path: string, progress: Progress): Promise<CaptureSource> {
  try {
    return await openRecording(path, {
      progress: (bytesRead, totalBytes) => progress.show(bytesRead, totalBytes),
    });
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
