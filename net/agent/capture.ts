// SPDX-License-Identifier: MIT
/** Programs, their rings and the mirror they feed: what the agent, `run` and the demo start and stop. @module */
import { HookReceiver, RecordingWriter } from "../capture/mod.ts";
import { AgentLock } from "../capture/preload/agent_lock.ts";
import { BadInput } from "../../cli/bad_input.ts";
import { log } from "../../cli/log.ts";
import { Mirror } from "./mirror.ts";
import type { MirrorPlan } from "./mirror_plan.ts";
import type { AgentCommand, RunCommand } from "../../cli/options.ts";
import { warmUp } from "../../cli/warm_up.ts";

/** A receiver at work in front of a mirror. */
export class Capture {
  readonly mirror: Mirror;
  readonly #receiver: HookReceiver;
  readonly #recorder: RecordingWriter | undefined;

  private constructor(mirror: Mirror, receiver: HookReceiver, recorder: RecordingWriter | undefined) {
    this.mirror = mirror;
    this.#receiver = receiver;
    this.#recorder = recorder;
  }

  /**
   * Programs can connect when this is done. Throws {@linkcode BadInput} when the directory, the recording or a sink cannot be
   * used; nothing is left open then.
   */
  static async start(
    plan: MirrorPlan,
    command: AgentCommand | RunCommand,
    runtimeDir: string,
  ): Promise<Capture> {
    // Before a sink is opened: its file may be the one that the other agent writes.
    try {
      AgentLock.take(runtimeDir).release();
    } catch (error) {
      throw new BadInput(`--runtime-dir: ${(error as Error).message}`);
    }
    warmUp(plan.codecs);
    const timeBaseNs = BigInt(Date.now()) * 1_000_000n;
    const mirror = await Mirror.start(plan, timeBaseNs);
    let option = "--record";
    let recorder: RecordingWriter | undefined;
    try {
      const target = mirror.pipeline;
      const failed = (message: string) => log.error(message);
      recorder = command.record === undefined
        ? undefined
        : new RecordingWriter(command.record, { timeBaseNs, target, failed });
      option = "--runtime-dir";
      const receiver = new HookReceiver({
        runtimeDir,
        timeBaseNs,
        totalMemory: command.memory,
        target: recorder ?? target,
        onBatch: () => mirror.flush(),
        warn: (message) => log.warn(message),
      });
      // It ends by close(); a failure before that is a fault of this program.
      receiver.run();
      return new Capture(mirror, receiver, recorder);
    } catch (error) {
      recorder?.finish();
      await mirror.abandon();
      throw new BadInput(`${option}: ${(error as Error).message}`);
    }
  }

  /** Settles when no sink takes packets any more. */
  get failed(): Promise<void> {
    return this.mirror.failed;
  }

  /** Programs that came with a hook so far. */
  get programs(): number {
    return this.#receiver.counters.programs;
  }

  /** Reads out what the rings hold, ends all flows, and prints the summary. */
  async finish(remarks: readonly string[] = []): Promise<void> {
    await this.#receiver.close();
    this.#recorder?.finish();
    await this.mirror.finish(remarks, this.#receiver.counters.refused);
  }
}
