/** Packets to a collector on another host. @module */
import type { PacketBatch } from "../packet_batch.ts";
import type { Credentials } from "../pki/credentials.ts";
import type { Sink, SinkCounters } from "../sink.ts";
import { countDropped, DEFAULT_MTU, newSinkCounters, type SinkOptions } from "../sinks/sink_options.ts";
import { dial } from "./dial.ts";
import { newSessionId } from "./link.ts";
import { Outbox } from "./outbox.ts";
import { HEARTBEAT_MS, Sender, type SenderEnd } from "./sender.ts";
import { Spool, SpoolSession } from "./spool.ts";
import type { RemoteTarget } from "./target.ts";

/** Bytes of packets that wait in memory for one collector when nothing else is asked for. */
export const QUEUE_BYTES = 64 * 1024 * 1024;
/** Bytes that a spool may take when nothing else is asked for. */
export const SPOOL_BYTES = 1024 * 1024 * 1024;
const CONNECT_TIMEOUT_MS = 10_000;
/** The first wait after a failure; each is twice the one before. */
const BACKOFF_MIN_MS = 200;
const BACKOFF_MAX_MS = 10_000;
/** A connection that lasts so long starts the waits anew. */
const LASTING_MS = 5000;
/** Flushing and closing wait as long as packets are acknowledged, and so long beyond. */
const STALLED_MS = 5000;
/** A collector without connection for so long is gone: its flows go elsewhere, where there is an elsewhere. */
const GONE_MS = 5000;

export interface RemoteSinkOptions extends SinkOptions {
  /** Asked before each connection, so that renewed certificates are used; absent: plaintext. */
  readonly credentials?: () => Credentials;
  /** What the agent calls itself: its host's name. */
  readonly agentName: string;
  /** {@linkcode QUEUE_BYTES} when absent. */
  readonly queueBytes?: number;
  readonly spool?: { readonly directory: string; readonly maxBytes?: number };
  /** Takes one line when the collector is reached, and what is sent to it from before. */
  readonly info?: (message: string) => void;
  readonly heartbeatMs?: number;
  readonly backoffMaxMs?: number;
  readonly stalledMs?: number;
  readonly goneMs?: number;
  readonly now?: () => number;
  readonly random?: () => number;
}

/**
 * A packet counts as written when the collector has acknowledged it, as dropped when there was no room for it
 * (`queue-full`, `spool-full`, `spool-failed`) or when the sink was closed before it was acknowledged
 * (`not-acknowledged`); with a spool it is kept then.
 */
export class RemoteSink implements Sink {
  readonly name: string;
  readonly mtu: number;
  readonly counters: SinkCounters = newSinkCounters();
  readonly #target: RemoteTarget;
  readonly #options: RemoteSinkOptions;
  readonly #now: () => number;
  readonly #spool: Spool | undefined;
  /** Of agents before this one, then this one's. */
  readonly #outboxes: Outbox[];
  readonly #live: Outbox;
  readonly #abort = new AbortController();
  readonly #running: Promise<void>;
  #sender: Sender | undefined;
  #isConnected = false;
  #downSinceMs: number;
  #isFinishing = false;
  #isClosed = false;
  #closing: Promise<void> | undefined;
  #lastTrouble = "";
  #isLosing = false;
  #progress = 0;
  #waiting: (() => void)[] = [];
  #wakeLoop: (() => void) | undefined;

  /** Connects at once. Throws an `Error` of one line when the spool directory cannot be used. */
  constructor(target: RemoteTarget, options: RemoteSinkOptions) {
    this.name = target.name;
    this.mtu = options.mtu ?? DEFAULT_MTU;
    this.#target = target;
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    this.#downSinceMs = this.#now();
    const outboxOptions = {
      queueBytes: options.queueBytes ?? QUEUE_BYTES,
      now: this.#now,
      acknowledged: (packets: number, bytes: number) => {
        this.counters.written += packets;
        this.counters.writtenBytes += bytes;
      },
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
    for (const outbox of recovered) this.counters.packets += outbox.countWaiting();
    if (this.counters.packets > 0) {
      options.info?.(
        `${this.name}: ${this.counters.packets} packets of an earlier run are in the spool and go first`,
      );
    }
    this.#running = this.#run();
  }

  /** Whether the collector has been out of reach for so long that flows should go elsewhere. */
  get isGone(): boolean {
    return !this.#isConnected && this.#now() - this.#downSinceMs >= (this.#options.goneMs ?? GONE_MS);
  }

  get isConnected(): boolean {
    return this.#isConnected;
  }

  /** Bytes of packets in memory. */
  get queuedBytes(): number {
    return this.#outboxes.reduce((sum, outbox) => sum + outbox.memoryBytes, 0);
  }

  write(batch: PacketBatch): void {
    const { counters } = this;
    counters.packets += batch.count;
    if (this.#isClosed || this.#isFinishing) return countDropped(counters, "sink-closed", batch.count);
    const refused = this.#live.take(batch.blocks, batch.count);
    if (refused !== undefined) {
      this.#live.lose(batch.count, refused);
      countDropped(counters, refused, batch.count);
      if (!this.#isLosing) this.#options.warn?.(`${this.name}: packets are dropped and counted: ${refused}`);
    }
    this.#isLosing = refused !== undefined;
    this.#sender?.kick();
  }

  /** Settles when all was acknowledged, or nothing more was for some seconds. */
  async flush(): Promise<void> {
    await this.#settled(() => this.#outboxes.every((outbox) => outbox.isEmpty));
  }

  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  async #close(): Promise<void> {
    this.#isFinishing = true;
    if (this.#sender && this.#outboxes.length === 1) this.#sender.finish();
    this.#wakeLoop?.();
    // What a spool keeps need not be waited for where the collector is known to be out of reach.
    if (this.#spool === undefined || this.#lastTrouble === "") {
      await this.#settled(() => this.#outboxes.length === 0);
    }
    this.#isClosed = true;
    this.#abort.abort();
    this.#sender?.end("the agent ends");
    this.#wakeLoop?.();
    await this.#running;
    for (const outbox of this.#outboxes) {
      const waiting = outbox.countWaiting();
      if (this.#spool) this.counters.kept += waiting;
      else countDropped(this.counters, "not-acknowledged", waiting);
      outbox.close();
    }
    this.#spool?.close();
  }

  async #run(): Promise<void> {
    for (let failures = 0; !this.#isClosed && this.#outboxes.length > 0;) {
      const outbox = this.#outboxes[0];
      let welcomeMs: number | undefined;
      const end = await this.#connect(outbox, () => welcomeMs = this.#now());
      // A connection that breaks soon is a failure too: it must not be made anew in a tight loop.
      if (welcomeMs !== undefined && this.#now() - welcomeMs >= LASTING_MS) failures = 0;
      if (this.#isConnected) this.#downSinceMs = this.#now();
      this.#isConnected = false;
      this.#sender = undefined;
      if (end.isComplete) {
        outbox.close();
        this.#outboxes.shift();
        this.#advance();
        continue;
      }
      if (this.#isClosed) break;
      this.#complain(welcomeMs !== undefined ? `lost: ${end.reason}` : end.reason);
      const longest = this.#options.backoffMaxMs ?? BACKOFF_MAX_MS;
      const ms = Math.min(longest, BACKOFF_MIN_MS * 2 ** Math.min(failures++, 10));
      await this.#sleep(ms * (0.5 + 0.5 * (this.#options.random ?? Math.random)()));
    }
  }

  async #connect(outbox: Outbox, welcomed: () => void): Promise<SenderEnd> {
    let socket;
    try {
      const credentials = this.#target.isPlaintext ? undefined : this.#options.credentials?.();
      if (credentials === undefined && !this.#target.isPlaintext) {
        throw new Error("no certificate is configured");
      }
      socket = await dial(this.#target, credentials, CONNECT_TIMEOUT_MS, this.#abort.signal);
    } catch (error) {
      return { isComplete: false, reason: (error as Error).message };
    }
    const sender = new Sender(socket, outbox, {
      application: this.#options.application,
      interfaceName: this.#options.interfaceName,
      name: this.#options.agentName,
      mtu: this.mtu,
      heartbeatMs: this.#options.heartbeatMs ?? HEARTBEAT_MS,
      now: this.#now,
      random: this.#options.random ?? Math.random,
      welcomed: () => {
        welcomed();
        this.#isConnected = true;
        this.#lastTrouble = "";
        const plain = this.#target.isPlaintext
          ? ", IN PLAINTEXT: anybody on the way can read and forge it"
          : "";
        this.#options.info?.(`${this.name}: collector takes packets${plain}`);
      },
      progressed: () => this.#advance(),
    });
    this.#sender = sender;
    if (outbox !== this.#live || this.#isFinishing) sender.finish();
    return await sender.ended;
  }

  /** The same trouble is told once, however often it comes. */
  #complain(reason: string): void {
    if (reason === this.#lastTrouble) return;
    this.#lastTrouble = reason;
    this.#options.warn?.(`${this.name}: ${reason}; trying again`);
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

  #advance(): void {
    this.#progress++;
    for (const wake of this.#waiting.splice(0)) wake();
  }

  /** Settles when `isDone`, or when nothing has moved for {@linkcode STALLED_MS}. */
  async #settled(isDone: () => boolean): Promise<void> {
    while (!isDone()) {
      const before = this.#progress;
      let timer: ReturnType<typeof setTimeout> | undefined;
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
        timer = setTimeout(resolve, this.#options.stalledMs ?? STALLED_MS);
      });
      clearTimeout(timer);
      if (this.#progress === before) return;
    }
  }
}
