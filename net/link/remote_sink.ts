// SPDX-License-Identifier: MIT
/** Packets to a collector on another host. @module */
import type { Socket } from "node:net";
import type { PacketBatch } from "../forge/packet_batch.ts";
import type { Credentials } from "../pki/credentials.ts";
import {
  countDropped,
  DEFAULT_MTU,
  FLUSH_STALLED_MS,
  newSinkCounters,
  type RemoteState,
  type Sink,
  type SinkCounters,
} from "../sinks/sink.ts";
import { shownText } from "../wire/printable.ts";
import type { SinkOptions } from "../sinks/sink_options.ts";
import { dial, type Dialled } from "./transport/dial.ts";
import { PeerWatch } from "./transport/peer.ts";
import { DropLog } from "./session/drop_log.ts";
import { COLLECTOR_ENDS, HEARTBEAT_MS, newSessionId } from "./blocks/link.ts";
import { Packer } from "./blocks/packing.ts";
import { Outbox, type Waiting } from "./session/outbox.ts";
import { Progress } from "./session/progress.ts";
import { Sender, type SenderEnd } from "./transport/sender.ts";
import { Spool, SpoolSession } from "./session/spool.ts";
import type { RemoteTarget } from "./target.ts";

/** Bytes of packets that wait in memory for one collector when nothing else is asked for. */
const QUEUE_BYTES = 64 * 1024 * 1024;
/** Bytes that a spool may take when nothing else is asked for. */
const SPOOL_BYTES = 1024 * 1024 * 1024;
const CONNECT_MS = 10_000;
/** The first wait after a failed connection; each further wait is twice the one before. */
const BACKOFF_MIN_MS = 200;
const BACKOFF_MAX_MS = 10_000;
/** Time that a connection must last for the waits to start anew. */
const LASTING_MS = 5000;
/** Closing waits no longer than this, whatever is acknowledged meanwhile. */
const CLOSE_MAX_MS = 30_000;
/** Closing that takes longer than this is told. */
const CLOSE_SOON_MS = 1000;
/** Time without connection after which a collector is gone: its flows go elsewhere, where there is an elsewhere. */
const GONE_MS = 5000;

/** Why an agent ends a connection that was as it should be. */
const RENEWED = "this agent's certificate is another now";

type Broken = Extract<SenderEnd, { isComplete: false }>;

/** When packets are compressed. */
export type Compression = "auto" | "on" | "off";

export interface RemoteSinkOptions extends SinkOptions {
  /** Asked before each connection, so that renewed certificates are used; absent: plaintext. */
  readonly credentials?: () => Credentials;
  /** What the agent calls itself: its host's name. */
  readonly agentName: string;
  /** {@linkcode QUEUE_BYTES} when absent. */
  readonly queueBytes?: number;
  /** Whether to send in fewer bytes where the collector takes it; `auto`, also when absent: unless it is on this host. */
  readonly compress?: Compression;
  readonly spool?: { readonly directory: string; readonly maxBytes?: number };
  /** Takes one line when the collector is reached, and what is sent to it from before. */
  readonly info?: (message: string) => void;
  /** Told once when closing takes a while: packets that wait for the collector, and how much longer it may take. */
  readonly waiting?: (packets: number, longestMs: number) => void;
  readonly connectMs?: number;
  readonly heartbeatMs?: number;
  readonly backoffMaxMs?: number;
  readonly stalledMs?: number;
  readonly closeMaxMs?: number;
  readonly goneMs?: number;
  readonly now?: () => number;
  readonly random?: () => number;
}

/**
 * A packet counts as written when the collector has acknowledged it, and as dropped when there was no room for it
 * (`queue-full`, `spool-full`, `spool-failed`), when the spool did not give it back (`spool-failed`) or not as it was
 * (`spool-damaged`, of an earlier run's too), when it is from an
 * earlier run and longer than the collector takes (`over-mtu`), or when the sink was closed before it was acknowledged
 * (`not-acknowledged`); those of the last that are on disk are kept instead.
 */
export class RemoteSink implements Sink {
  readonly name: string;
  readonly mtu: number;
  readonly counters: SinkCounters = newSinkCounters();
  readonly #target: RemoteTarget;
  readonly #options: RemoteSinkOptions;
  readonly #now: () => number;
  readonly #spool: Spool | undefined;
  /** Sessions of agents before this one, which the spool has, then this agent's own. */
  readonly #outboxes: Outbox[];
  readonly #live: Outbox;
  readonly #abort = new AbortController();
  readonly #running: Promise<void>;
  #sender: Sender | undefined;
  #isConnected = false;
  #downSinceMs: number;
  /** When it was connected, or lost its connection. */
  #turnedMs: number;
  #isFinishing = false;
  #isClosed = false;
  #closing: Promise<void> | undefined;
  #lastTrouble = "";
  readonly #drops: DropLog;
  #isUnreadableTold = false;
  readonly #progress: Progress;
  #wakeLoop: (() => void) | undefined;

  /** Connects at once. Throws an `Error` of one line when the spool directory cannot be used. */
  constructor(target: RemoteTarget, options: RemoteSinkOptions) {
    this.name = target.name;
    this.mtu = options.mtu ?? DEFAULT_MTU;
    this.#target = target;
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    this.#downSinceMs = this.#turnedMs = this.#now();
    this.#progress = new Progress(options.stalledMs ?? FLUSH_STALLED_MS, this.#now);
    this.#drops = new DropLog((text) => options.warn?.(`${this.name}: ${text}`), this.#now);
    const outboxOptions = {
      queueBytes: options.queueBytes ?? QUEUE_BYTES,
      now: this.#now,
      acknowledged: (packets: number, bytes: number) => {
        this.counters.written += packets;
        this.counters.writtenBytes += bytes;
      },
      lost: (packets: number, reason: string, trouble?: string) => this.#drop(packets, reason, trouble),
      missing: (packets: number, reason: string) => {
        this.counters.packets += packets;
        this.#drop(packets, reason);
      },
      recycles: !target.isPlaintext,
    };
    const { directory, maxBytes = SPOOL_BYTES } = options.spool ?? {};
    const session = newSessionId();
    let liveSpool: SpoolSession | undefined;
    if (directory !== undefined) {
      this.#spool = new Spool({ directory, maxBytes, application: options.application, warn: options.warn });
      liveSpool = SpoolSession.begin(this.#spool, session, Date.now());
    }
    const recovered =
      this.#spool?.recovered.map((found) => new Outbox(found.session, outboxOptions, found)) ?? [];
    this.#live = new Outbox(session, outboxOptions, liveSpool);
    this.#outboxes = [...recovered, this.#live];
    for (const outbox of recovered) this.counters.packets += outbox.countWaiting().onDisk;
    if (this.counters.packets > 0) {
      const isExact = this.#spool!.recovered.every(({ isEndUnknown }) => !isEndUnknown);
      const many = `${this.counters.packets} packets of an earlier run are in the spool and go first`;
      options.info?.(
        `${this.name}: ${isExact ? many : `up to ${many}: those that the collector does not have yet`}`,
      );
    }
    this.#running = this.#run();
  }

  /** Whether the collector has been out of reach for so long that flows should go elsewhere. */
  get isGone(): boolean {
    return !this.#isConnected && this.#now() - this.#downSinceMs >= (this.#options.goneMs ?? GONE_MS);
  }

  get remote(): RemoteState {
    const waiting = this.#waiting();
    return {
      isConnected: this.#isConnected,
      forMs: this.#now() - this.#turnedMs,
      trouble: this.#isConnected ? "" : this.#lastTrouble,
      waitingPackets: waiting.onDisk + waiting.inMemory,
      waitingMs: Math.max(0, ...this.#outboxes.map((outbox) => outbox.waitedMs)),
      queuedBytes: this.queuedBytes,
      queueMaxBytes: this.#options.queueBytes ?? QUEUE_BYTES,
      spooledBytes: waiting.diskBytes,
      spoolMaxBytes: this.#spool?.options.maxBytes ?? 0,
    };
  }

  #waiting(): Waiting {
    const sum = { onDisk: 0, diskBytes: 0, inMemory: 0 };
    for (const outbox of this.#outboxes) {
      const { onDisk, diskBytes, inMemory } = outbox.countWaiting();
      sum.onDisk += onDisk;
      sum.diskBytes += diskBytes;
      sum.inMemory += inMemory;
    }
    return sum;
  }

  /** Bytes of memory that packets take. */
  get queuedBytes(): number {
    return this.#outboxes.reduce((sum, outbox) => sum + outbox.memoryBytes, 0);
  }

  write(batch: PacketBatch): void {
    const { counters } = this;
    counters.packets += batch.count;
    if (this.#isClosed || this.#isFinishing) return countDropped(counters, "sink-closed", batch.count);
    const refused = this.#live.add(batch.blocks, batch.count);
    if (refused !== undefined) {
      this.#live.lose(batch.count, refused);
      this.#drop(batch.count, refused);
    }
    this.#sender?.kick();
  }

  #drop(packets: number, reason: string, trouble?: string): void {
    countDropped(this.counters, reason, packets);
    if (trouble !== undefined && !this.#isUnreadableTold) {
      this.#isUnreadableTold = true;
      this.#options.warn?.(`${this.name}: ${trouble}`);
    }
    this.#drops.add(packets, reason);
  }

  /**
   * Settles when all was acknowledged, or nothing more was for some seconds; after that, in one turn of the event loop until
   * the collector is reached again.
   */
  async flush(): Promise<void> {
    await this.#progress.wait(() => this.#outboxes.every((outbox) => outbox.isEmpty));
  }

  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  async #close(): Promise<void> {
    this.#isFinishing = true;
    if (this.#sender && this.#outboxes.length === 1) this.#sender.finish();
    this.#wakeLoop?.();
    const longestMs = this.#options.closeMaxMs ?? CLOSE_MAX_MS;
    const timer = setTimeout(() => this.#tellWaiting(longestMs - CLOSE_SOON_MS), CLOSE_SOON_MS);
    await this.#progress.wait(() => this.#needNotWait(), longestMs);
    clearTimeout(timer);
    this.#isClosed = true;
    this.#abort.abort();
    this.#sender?.breakOff("the agent ends");
    this.#wakeLoop?.();
    await this.#running;
    for (const outbox of this.#outboxes) {
      const { onDisk, inMemory } = outbox.countWaiting();
      this.counters.kept += onDisk;
      countDropped(this.counters, "not-acknowledged", inMemory);
      outbox.close();
    }
    this.#spool?.close();
  }

  /** Everything is with the collector; or it is out of reach, and what waits is on disk. */
  #needNotWait(): boolean {
    if (this.#outboxes.length === 0) return true;
    const isSafe = (outbox: Outbox) =>
      outbox.isEmpty || (this.#spool !== undefined && outbox.countWaiting().inMemory === 0);
    return this.#lastTrouble !== "" && this.#outboxes.every(isSafe);
  }

  #tellWaiting(longestMs: number): void {
    const { onDisk, inMemory } = this.#waiting();
    this.#options.waiting?.(onDisk + inMemory, longestMs);
  }

  async #run(): Promise<void> {
    for (let failures = 0; !this.#isClosed && this.#outboxes.length > 0;) {
      const outbox = this.#outboxes[0];
      let welcomeMs: number | undefined;
      const end = await this.#connect(outbox, () => welcomeMs = this.#now());
      // A connection that breaks soon is a failure too: it must not be made anew in a tight loop.
      if (welcomeMs !== undefined && this.#now() - welcomeMs >= LASTING_MS) failures = 0;
      if (this.#isConnected) this.#downSinceMs = this.#turnedMs = this.#now();
      this.#isConnected = false;
      this.#sender = undefined;
      if (end.isComplete) {
        outbox.close();
        this.#outboxes.shift();
        this.#progress.advance();
        continue;
      }
      if (this.#isClosed) break;
      if (end.reason === RENEWED) {
        this.#options.info?.(`${this.name}: ${RENEWED}: connecting again`);
        continue;
      }
      this.#complain(end, welcomeMs !== undefined);
      const longest = this.#options.backoffMaxMs ?? BACKOFF_MAX_MS;
      const ms = Math.min(longest, BACKOFF_MIN_MS * 2 ** Math.min(failures++, 10));
      await this.#sleep(ms * (0.5 + 0.5 * (this.#options.random ?? Math.random)()));
    }
  }

  async #connect(outbox: Outbox, welcomed: () => void): Promise<SenderEnd> {
    const credentials = this.#target.isPlaintext ? undefined : this.#options.credentials?.();
    let dialled: Dialled;
    try {
      if (credentials === undefined && !this.#target.isPlaintext) {
        throw new Error("no certificate is configured");
      }
      const timeoutMs = this.#options.connectMs ?? CONNECT_MS;
      dialled = await dial(this.#target, credentials, timeoutMs, this.#abort.signal);
    } catch (error) {
      return { isComplete: false, reason: (error as Error).message };
    }
    const { socket, peer } = dialled;
    if (this.#isClosed) {
      socket.destroy();
      return { isComplete: false, reason: "the agent ends" };
    }
    const sender = new Sender(socket, outbox, {
      application: this.#options.application,
      interfaceName: this.#options.interfaceName,
      name: this.#options.agentName,
      waiting: () => ({ queuedBytes: this.queuedBytes, spooledBytes: this.#waiting().diskBytes }),
      mtu: this.mtu,
      heartbeatMs: this.#options.heartbeatMs ?? HEARTBEAT_MS,
      now: this.#now,
      random: this.#options.random ?? Math.random,
      packer: this.#packs(socket) ? () => new Packer() : undefined,
      welcomed: (isPacked) => {
        welcomed();
        if (!this.#isConnected) this.#turnedMs = this.#now();
        this.#isConnected = true;
        this.#lastTrouble = "";
        this.#progress.revive();
        const plain = this.#target.isPlaintext
          ? ", IN PLAINTEXT: anybody on the way can read and forge it"
          : "";
        this.#options.info?.(
          `${this.name}: collector takes packets${isPacked ? ", compressed" : ""}${plain}`,
        );
      },
      progressed: () => this.#progress.advance(),
    });
    this.#sender = sender;
    if (outbox !== this.#live || this.#isFinishing) sender.finish();
    const watch = credentials && peer && this.#watch(peer, credentials, sender);
    try {
      return await sender.ended;
    } finally {
      watch?.stop();
    }
  }

  #packs({ localAddress, remoteAddress }: Socket): boolean {
    const { compress = "auto" } = this.#options;
    const isLocal = remoteAddress === localAddress || /^(127\.|::1$|::ffff:127\.)/.test(remoteAddress ?? "");
    return compress === "on" || (compress === "auto" && !isLocal);
  }

  #watch(peer: Required<Dialled>["peer"], credentials: Credentials, sender: Sender): PeerWatch {
    return new PeerWatch({
      chain: peer.chain,
      role: "collector",
      credentials,
      current: () => this.#options.credentials!(),
      gone: (reason) => sender.breakOff(`collector's ${reason}`),
      renewed: () => sender.breakOff(RENEWED),
    }, peer.validToMs);
  }

  /** A trouble that comes again at once is not told again. */
  #complain({ reason, isItsWord = false }: Broken, wasWelcome: boolean): void {
    if (reason === this.#lastTrouble) return;
    this.#lastTrouble = reason;
    this.#progress.wake();
    if (isItsWord && reason === COLLECTOR_ENDS) {
      return this.#options.info?.(`${this.name}: ${reason}; trying again`);
    }
    const by = isItsWord
      ? `${wasWelcome ? "closed" : "refused"} by the collector: `
      : wasWelcome
      ? "lost: "
      : "";
    this.#options.warn?.(`${this.name}: ${by}${shownText(reason)}; trying again`);
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.#wakeLoop = undefined;
        resolve();
      };
      const timer = setTimeout(done, ms);
      this.#wakeLoop = done;
    });
  }
}
