// SPDX-License-Identifier: MIT
/** Everything from the codec chain to the sinks, put together from options: what the agent, `run` and `replay` share. @module */
import { raw } from "../../codecs/raw.ts";
import type { ForgeSettings } from "../forge/settings.ts";
import { InitialSequenceNumbers } from "../forge/isn.ts";
import { PacketBuffer } from "../forge/packet_batch.ts";
import { Pipeline } from "../mirror/pipeline.ts";
import { RouterSink } from "../link/router_sink.ts";
import type { Sink } from "../sinks/sink.ts";
import { BadInput } from "../../cli/bad_input.ts";
import { log, printError } from "../../cli/log.ts";
import { makeObserver } from "./observer.ts";
import { type MirrorPlan, warnOfMeeting } from "./mirror_plan.ts";
import type { MirrorCommand } from "../../cli/options.ts";
import { jsonSummary, textSummary } from "../../cli/summary.ts";
import { openTargets, type TargetPlan } from "./targets.ts";
import { VERSION } from "../../cli/version.ts";

const IDLE_NS = 3600e9;
/** Flows mirrored at a time: at some 4 KB each, 400 MB. */
const FLOWS_MAX = 100_000;
/** The same for every run, so that a recording gives the same packets anywhere; a forged connection has no secrets to keep. */
const SEQUENCE_SEED = 0x73736c63;

/** Sinks and pipeline at work. */
export class Mirror {
  readonly pipeline: Pipeline;
  readonly sinks: readonly Sink[];
  /** Settles when no sink takes packets any more. */
  readonly failed: Promise<void>;
  readonly #command: MirrorCommand;
  readonly #targets: TargetPlan;
  readonly #buffer: PacketBuffer;

  private constructor(plan: MirrorPlan, sinks: readonly Sink[], failed: Promise<void>, timeBaseNs: bigint) {
    const { command } = plan;
    this.failed = failed;
    this.#command = command;
    this.#targets = plan.targets;
    this.sinks = sinks;
    this.#buffer = new PacketBuffer({
      timeBaseNs,
      onFull: (batch) => {
        for (const sink of sinks) sink.write(batch);
      },
    });
    const settings: ForgeSettings = {
      mtu: command.mtu ?? Math.min(...sinks.map((sink) => sink.mtu)),
      initialSequenceNumbers: new InitialSequenceNumbers(SEQUENCE_SEED),
      portMap: plan.portMap,
      markMac: command.markMac,
      vlan: command.vlan,
    };
    this.pipeline = new Pipeline(
      {
        codecs: plan.codecs,
        raw,
        observer: makeObserver(!command.quiet && Deno.stderr.isTerminal()),
        requireAttribution: command.requireAttribution,
        localAddresses: plan.localAddresses,
        idleNs: command.idleTimeout === undefined ? IDLE_NS : command.idleTimeout * 1e6,
        flowsMax: FLOWS_MAX,
      },
      { buffer: this.#buffer, settings },
    );
  }

  /** Opens the sinks; packets' time 0 is `timeBaseNs` since 1970. Throws {@linkcode BadInput} when one cannot be opened. */
  static async start(plan: MirrorPlan, timeBaseNs: bigint): Promise<Mirror> {
    const { rotateSize, rotateTime, keep, mtu } = plan.command;
    const interfaceName = "interface" in plan.command ? plan.command.interface ?? "any" : "replay";
    const sinks: Sink[] = [];
    const stopped = new Set<Sink>();
    const { promise: failed, resolve: fail } = Promise.withResolvers<void>();
    try {
      for (const spec of plan.sinks) {
        sinks.push(spec.open({
          application: `sslcollector ${VERSION}`,
          interfaceName,
          mtu,
          rotateBytes: rotateSize,
          rotateMs: rotateTime,
          keep,
          warn: (text) => log.warn(text),
          stopped: (sink, text) => {
            log.error(`${sink.name} takes no more packets: ${text}`);
            if (stopped.add(sink).size === sinks.length) fail();
          },
        }));
      }
      const remote = await openTargets(plan.targets, interfaceName, mtu);
      if (remote) sinks.push(remote);
      warnOfMeeting(plan);
    } catch (error) {
      for (const sink of sinks) await sink.close();
      plan.targets.credentials?.close();
      if (error instanceof BadInput) throw error;
      throw new BadInput(`--output: ${(error as Error).message}`);
    }
    return new Mirror(plan, sinks, failed, timeBaseNs);
  }

  /** Hands what was forged to the sinks. */
  flush(): void {
    this.#buffer.flush();
  }

  /** Waits until slow sinks have caught up: for sources that can wait. */
  async settle(): Promise<void> {
    this.flush();
    for (const sink of this.sinks) await sink.flush();
  }

  /** Closes the sinks of a mirror that was never fed. */
  async abandon(): Promise<void> {
    for (const sink of this.sinks) await sink.close();
    this.#targets.credentials?.close();
  }

  /** Ends all flows, empties and closes the sinks, and prints the summary. */
  async finish(
    remarks: readonly string[] = [],
    programEvents: ReadonlyMap<string, number> = new Map(),
  ): Promise<void> {
    this.pipeline.drain();
    this.flush();
    for (const sink of this.sinks) await sink.close();
    this.#targets.credentials?.close();
    const sinks = this.sinks.flatMap((sink) => sink instanceof RouterSink ? sink.sinks : sink);
    const input = { rows: this.pipeline.rows(), sinks, remarks, programEvents };
    const form = this.#command.summary ?? "text";
    if (form === "text") { for (const line of textSummary(input)) printError(`sslcollector: ${line}`); }
    if (form === "json") printError(JSON.stringify(jsonSummary(input)));
  }
}
