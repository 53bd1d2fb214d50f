// SPDX-License-Identifier: MIT
/** An agent at work: sources, the mirror that they feed, and the sinks behind it. @module */
import { RecordingWriter } from "../capture/recording/writer.ts";
import { type CaptureFeed, CaptureSources } from "../capture/sources.ts";
import type { CaptureTarget } from "../capture/target.ts";
import { WireObserver } from "../capture/wire/observer.ts";
import { BadSetting } from "../settings/bad_setting.ts";
import { log } from "../settings/log.ts";
import type { Sink } from "../sinks/sink.ts";
import { closeListeners, openListeners } from "../settings/listeners.ts";
import { beginStatus } from "../settings/status.ts";
import { VERSION } from "../settings/version.ts";
import type { Page } from "../page/listen.ts";
import type { StatusServer } from "../status/server.ts";
import type { MirrorBooks } from "./books.ts";
import { interfaceAddresses } from "./interfaces.ts";
import { Mirror } from "./mirror.ts";
import { type MirrorPlan, planMirror } from "./plan.ts";
import type { AgentSettings } from "./settings.ts";
import type { CaptureSource, OpenSource } from "./source.ts";
import { type AgentNumbers, AgentStatus } from "./status.ts";
import { viewThatKeepsNothing } from "./view.ts";
import { warmUp } from "./warm_up.ts";

/**
 * Mirrors until {@linkcode Agent.finish}. Everything is checked before anything is opened; programs can connect when this is
 * done. What happens meanwhile is logged through LogTape, category `sslcollector`.
 *
 * @throws {BadSetting} for the first setting that is wrong or cannot be had on this machine; nothing is left open then.
 */
export async function startAgent(settings: AgentSettings): Promise<Agent> {
  const opened = new Set<CaptureSource>();
  try {
    return await Agent.start(await planMirror(settings), opened);
  } catch (error) {
    for (const source of settings.sources ?? []) if (!opened.has(source)) source.discard?.();
    throw error;
  }
}

interface AgentParts {
  readonly plan: MirrorPlan;
  readonly mirror: Mirror;
  readonly recorder: RecordingWriter | undefined;
  readonly wire: WireObserver | undefined;
  readonly status: StatusServer | undefined;
  readonly page: Page | undefined;
}

/** An agent at work, made by {@linkcode startAgent}. */
export class Agent {
  /** Settles when no sink takes packets any more. */
  readonly failed: Promise<void>;
  /** Settles when all sources have told everything; those of live programs do not end. Rejects when a source fails. */
  readonly ended: Promise<void>;
  readonly #plan: MirrorPlan;
  readonly #mirror: Mirror;
  readonly #sources: readonly OpenSource[];
  readonly #recorder: RecordingWriter | undefined;
  readonly #wire: WireObserver | undefined;
  readonly #status: StatusServer | undefined;
  readonly #page: Page | undefined;
  #finishing: Promise<MirrorBooks> | undefined;

  private constructor(
    { plan, mirror, recorder, wire, status, page }: AgentParts,
    sources: ReadonlyMap<OpenSource, CaptureFeed>,
  ) {
    this.#plan = plan;
    this.#mirror = mirror;
    this.#sources = [...sources.keys()];
    this.#recorder = recorder;
    this.#wire = wire;
    this.#status = status;
    this.#page = page;
    this.failed = mirror.failed;
    const runs = sources.entries().map(([source, feed]) => source.run().finally(feed.end));
    this.ended = Promise.all(runs).then(() => {});
  }

  /** Opens sinks, then sources, and sets them to work; tells which sources it has opened. @internal */
  static async start(plan: MirrorPlan, opened: Set<CaptureSource>): Promise<Agent> {
    const timeBaseNs = plan.sources.find((source) => source.timeBaseNs !== undefined)?.timeBaseNs ??
      BigInt(Date.now()) * 1_000_000n;
    const { status, page } = await openListeners(plan.settings);
    const mirror = await startMirror(plan, timeBaseNs, () => closeListeners(status, page));
    const sources = new Map<OpenSource, CaptureFeed>();
    let recorder: RecordingWriter | undefined;
    let wire: WireObserver | undefined;
    try {
      warmUp(plan.codecs, (message) => log.warn(message), mirror.isRead ? viewThatKeepsNothing() : undefined);
      const pipeline = plan.settings.intercept?.(mirror.pipeline) ?? mirror.pipeline;
      recorder = openRecorder(plan.settings.record, timeBaseNs, pipeline);
      const feeds = new CaptureSources(recorder ?? pipeline);
      wire = observeWire(plan, timeBaseNs, recorder ?? pipeline);
      const context = {
        timeBaseNs,
        look: () => {
          wire?.look();
          mirror.followers.look();
        },
        flush: () => mirror.flush(),
        catchUp: () => mirror.catchUp(),
        isWanted: plan.mayBeWanted,
        warn: (message: string) => log.warn(message),
      };
      for (const source of plan.sources) {
        const feed = feeds.add();
        sources.set(source.open(feed.target, { ...context, nextProgram: feed.nextProgram }), feed);
        opened.add(source);
      }
      const agent = new Agent({ plan, mirror, recorder, wire, status, page }, sources);
      const subject = new AgentStatus(() => agent.#numbers(), () => mirror.pipeline.rows(), mirror.feed);
      await beginStatus(status, plan.settings, "agent", subject);
      page?.begin({
        report: () => subject.report(),
        log: mirror.pageLog,
        followers: mirror.followers,
        bodyBytes: plan.settings.bodyBytes,
        version: VERSION,
      });
      return agent;
    } catch (error) {
      for (const source of sources.keys()) await source.close();
      wire?.close();
      recorder?.finish();
      await mirror.finish();
      await closeListeners(status, page);
      throw error;
    }
  }

  /** Where packets go. */
  get sinks(): readonly Sink[] {
    return this.#mirror.sinks;
  }

  /** Programs that the sources have told of so far. */
  get programs(): number {
    return this.#sources.reduce((sum, { counters }) => sum + (counters?.programs ?? 0), 0);
  }

  /** Whether it shows a certificate to collectors, for {@linkcode reloadCertificates}. */
  get hasCertificates(): boolean {
    return this.#plan.targets.credentials !== undefined;
  }

  /** What was captured, forged and written so far, open flows included. */
  books(): MirrorBooks {
    return { ...this.#mirror.books(), refused: this.#refused() };
  }

  /** Port where metrics are to be had; undefined where they are not. */
  get metricsPort(): number | undefined {
    return this.#status?.metricsPort;
  }

  /** Address of the page, with the token that it asks for; undefined where there is none. */
  get pageUrl(): string | undefined {
    return this.#page?.url;
  }

  /** Reads certificates again at once; they are also when they change. */
  async reloadCertificates(): Promise<void> {
    await this.#plan.targets.credentials?.reload();
  }

  /** Takes in what the sources still have, ends all flows, empties and closes the sinks; idempotent. Answers the last books. */
  finish(): Promise<MirrorBooks> {
    return this.#finishing ??= this.#finish();
  }

  /** {@linkcode finish}, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.finish();
  }

  #refused(): Map<string, number> {
    const refused = new Map<string, number>();
    for (const { counters } of this.#sources) {
      for (const [reason, programs] of counters?.refused ?? []) {
        refused.set(reason, (refused.get(reason) ?? 0) + programs);
      }
    }
    return refused;
  }

  #numbers(): AgentNumbers {
    const { pipeline, sinks, stopped, certificate } = this.#mirror;
    const rings = this.#sources.map(({ counters }) => counters?.rings).find((rings) => rings !== undefined);
    return {
      place: this.#plan.settings.statusFolder ?? "",
      captures: this.#sources.flatMap(({ capture }) => capture ?? []),
      sinks,
      stopped,
      certificate,
      programs: {
        mirrored: pipeline.livePrograms,
        soFar: this.programs,
        refused: Object.fromEntries(this.#refused()),
      },
      openFlows: pipeline.openFlows,
      total: pipeline.total(),
      rings,
    };
  }

  async #finish(): Promise<MirrorBooks> {
    await closeListeners(this.#status, this.#page);
    for (const source of this.#sources) await source.close();
    this.#wire?.close();
    this.#recorder?.finish();
    await this.#mirror.finish();
    return this.books();
  }
}

async function startMirror(
  plan: MirrorPlan,
  timeBaseNs: bigint,
  failed: () => Promise<void>,
): Promise<Mirror> {
  try {
    return await Mirror.start(plan, timeBaseNs);
  } catch (error) {
    await failed();
    throw error;
  }
}

/** Looks at the interfaces that flows are to cross, if they are to cross any. */
function observeWire(
  { settings, sources }: MirrorPlan,
  timeBaseNs: bigint,
  target: CaptureTarget,
): WireObserver | undefined {
  // What a recording tells of did not happen now.
  const isLive = sources.every((source) => source.timeBaseNs === undefined);
  if (settings.interfaces.length === 0 || !isLive) return undefined;
  try {
    const warn = (message: string) => log.warn(message);
    return new WireObserver(settings.interfaces, {
      target,
      timeBaseNs,
      addressesOf: interfaceAddresses,
      warn,
    });
  } catch (error) {
    throw new BadSetting("interfaces", (error as Error).message);
  }
}

function openRecorder(
  path: string | undefined,
  timeBaseNs: bigint,
  target: CaptureTarget,
): RecordingWriter | undefined {
  if (path === undefined) return undefined;
  try {
    return new RecordingWriter(path, { timeBaseNs, target, failed: (message) => log.error(message) });
  } catch (error) {
    throw new BadSetting("record", (error as Error).message);
  }
}
