// SPDX-License-Identifier: MIT
/** Everything from the codec chain to the sinks, put together from settings. @module */
import { raw } from "../../codecs/raw.ts";
import { MTU_MAX, MTU_MIN } from "../forge/settings.ts";
import { InitialSequenceNumbers } from "../forge/isn.ts";
import { PacketBuffer } from "../forge/packet_batch.ts";
import type { PerDirection } from "../mirror/counters.ts";
import { Pipeline } from "../mirror/pipeline.ts";
import type { Sink } from "../sinks/sink.ts";
import type { SinkOptions } from "../sinks/sink_options.ts";
import { BadSetting } from "../settings/bad_setting.ts";
import { log } from "../settings/log.ts";
import { VERSION } from "../settings/version.ts";
import type { CertificateReport } from "../status/report.ts";
import type { PageLog } from "../page/rows.ts";
import { Followers } from "../view/followers.ts";
import { LiveView } from "../view/live.ts";
import type { View } from "../view/view.ts";
import type { MirrorBooks } from "./books.ts";
import { hasAddress } from "./interfaces.ts";
import { LiveFeed } from "./live_feed.ts";
import { makeObserver } from "./observer.ts";
import { type MirrorPlan, warnOfMeeting, warnOfSmallPackets } from "./plan.ts";
import { openTargets } from "./targets.ts";
import { type LogPage, openLiveView, openView } from "./view.ts";

/** Flows mirrored at a time: at some 4 KB each, 400 MB. */
const FLOWS_MAX = 100_000;
/** Constant, so that a recording gives identical packets in every run; a forged connection has no secrets to keep. */
const SEQUENCE_SEED = 0x73736c63;

interface OpenSinks {
  readonly sinks: readonly Sink[];
  readonly stopped: ReadonlySet<Sink>;
  readonly failed: Promise<void>;
}

/** Followers of exchanges look so often when no source does. */
const FOLLOWERS_TIMER_MS = 1000;

/** Sinks and pipeline at work. */
export class Mirror {
  readonly pipeline: Pipeline;
  readonly sinks: readonly Sink[];
  /** Exchanges for who asks. */
  readonly feed: LiveFeed;
  /** Settles when no sink takes packets any more. */
  readonly failed: Promise<void>;
  /** Sinks that take no packets any more. */
  readonly stopped: ReadonlySet<Sink>;
  /** What a page shows of exchanges; undefined where nobody looks at them. */
  readonly pageLog: PageLog | undefined;
  /** Who follows exchanges, and is to look when something may be new. */
  readonly followers = new Followers(FOLLOWERS_TIMER_MS);
  readonly #plan: MirrorPlan;
  readonly #buffer: PacketBuffer;
  readonly #view: View | undefined;

  private constructor(plan: MirrorPlan, { sinks, stopped, failed }: OpenSinks, timeBaseNs: bigint) {
    const { settings } = plan;
    this.failed = failed;
    this.stopped = stopped;
    this.#plan = plan;
    this.sinks = sinks;
    this.#buffer = new PacketBuffer({
      timeBaseNs,
      onFull: (batch) => {
        for (const sink of sinks) sink.write(batch);
        forging.mtu = leastMtu(settings.mtu, sinks);
      },
    });
    const forging = {
      mtu: leastMtu(settings.mtu, sinks),
      initialSequenceNumbers: new InitialSequenceNumbers(SEQUENCE_SEED),
      portMap: settings.portMap,
      markMac: settings.markMac,
      vlan: settings.vlan,
      hidesLinks: settings.sinks.some(({ interfaceName }) =>
        interfaceName !== undefined && hasAddress(interfaceName)
      ),
    };
    const page = this.#page();
    const view = this.#view = openView(
      settings,
      timeBaseNs,
      () => this.#stats(),
      settings.ui === undefined ? undefined : page,
    );
    const live = new LiveView(view, () => openLiveView(settings, page), () => this.pipeline.tapAgain());
    this.feed = new LiveFeed({
      live,
      followers: this.followers,
      timeBaseMs: Number(timeBaseNs / 1000n) / 1000,
      showsSecrets: settings.showSecrets,
      flows: () => this.pipeline.flows(),
    });
    this.pageLog = view && {
      ...view.readable,
      timeBaseNs,
      showsSecrets: settings.showSecrets,
      portMap: settings.portMap,
    };
    this.pipeline = new Pipeline(
      {
        codecs: plan.codecs,
        raw,
        observer: makeObserver(settings.observer),
        requireAttribution: settings.requireAttribution,
        holdNs: settings.attributionWaitMs && settings.attributionWaitMs * 1e6,
        holdBytes: settings.attributionHoldBytes,
        unix: settings.unix,
        starttls: settings.starttls,
        isWanted: plan.isWanted,
        tap: (flow) => live.tap(flow),
        idleNs: settings.idleMs * 1e6,
        flowsMax: FLOWS_MAX,
      },
      { buffer: this.#buffer, settings: forging },
    );
  }

  /** Opens the sinks; packets' time 0 is `timeBaseNs` since 1970. Throws {@linkcode BadSetting} when one cannot be opened. */
  static async start(plan: MirrorPlan, timeBaseNs: bigint): Promise<Mirror> {
    const { settings, sources, targets } = plan;
    const interfaceName = settings.interfaces.join(", ") || (sources[0]?.name ?? "any");
    const sinks: Sink[] = [];
    const stopped = new Set<Sink>();
    const { promise: failed, resolve: fail } = Promise.withResolvers<void>();
    const options: SinkOptions = {
      application: `sslcollector ${VERSION}`,
      interfaceName,
      mtu: settings.mtu,
      rotateBytes: settings.rotateBytes,
      rotateMs: settings.rotateMs,
      keep: settings.keep,
      info: (text) => log.info(text),
      warn: (text) => log.warn(text),
      stopped: (sink, text) => {
        log.error(`${sink.name} takes no more packets: ${text}`);
        if (stopped.add(sink).size === sinks.length) fail();
      },
    };
    try {
      for (const spec of settings.sinks) sinks.push(spec.open(options));
      const remote = await openTargets(targets, interfaceName);
      if (remote) sinks.push(remote);
      warnOfMeeting(plan);
      warnOfSmallPackets(plan);
    } catch (error) {
      for (const sink of sinks) await sink.close();
      targets.credentials?.close();
      if (error instanceof BadSetting) throw error;
      throw new BadSetting("sinks", (error as Error).message);
    }
    return new Mirror(plan, { sinks, stopped, failed }, timeBaseNs);
  }

  /** Somebody looks at exchanges. */
  get isRead(): boolean {
    return this.#view !== undefined;
  }

  /** Hands what was forged to the sinks, and what has ended to those who look. */
  flush(): void {
    this.#buffer.flush();
    this.#view?.flush();
    this.followers.look();
  }

  /** Waits until slow sinks have caught up: for sources that can wait. */
  async catchUp(): Promise<void> {
    this.flush();
    for (const sink of this.sinks) await sink.flush();
    await this.#view?.catchUp();
  }

  /** What was done so far, but for what sources refused. */
  books(): Omit<MirrorBooks, "refused"> {
    const sinks = this.sinks.flatMap((sink) => sink.sinks ?? sink);
    return { programs: this.pipeline.rows(), sinks };
  }

  /** What programs say may be passed over where nobody reads it all; a recording is there to be looked at. */
  #page(): LogPage {
    const { sources } = this.#plan;
    const isRecorded = sources.some(({ timeBaseNs }) => timeBaseNs !== undefined);
    return isRecorded ? {} : { followers: this.followers };
  }

  /** What events tell of the run. */
  #stats(): Record<string, unknown> {
    const { flows, captured, lost } = this.pipeline.total();
    const bothWays = ([toServer, toClient]: Readonly<PerDirection>) => ({
      to_server: toServer,
      to_client: toClient,
    });
    return {
      flows,
      open_flows: this.pipeline.openFlows,
      captured_bytes: bothWays(captured),
      lost_bytes: Object.fromEntries([...lost].map(([reason, bytes]) => [reason, bothWays(bytes)])),
      exchanges_lost: this.#view?.lost ?? 0,
    };
  }

  /** Of the certificate shown to collectors. */
  get certificate(): CertificateReport | undefined {
    const { credentials } = this.#plan.targets;
    if (credentials === undefined) return undefined;
    const { name, validToMs } = credentials.current;
    return { name, validToMs };
  }

  /** Ends all flows, empties and closes the sinks. */
  async finish(): Promise<void> {
    this.pipeline.drain();
    this.flush();
    await this.#view?.finish();
    for (const sink of this.sinks) await sink.close();
    this.#plan.targets.credentials?.close();
  }
}

/** What every sink takes now, as far as forging goes: longer frames are the sink's to drop. */
function leastMtu(asked: number | undefined, sinks: readonly Sink[]): number {
  let least = asked ?? MTU_MAX;
  for (const { mtu } of sinks) if (mtu < least) least = mtu;
  return Math.max(least, MTU_MIN);
}
