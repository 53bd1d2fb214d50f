// SPDX-License-Identifier: MIT
/** Looks at all flows of an agent: the log that they are written into, and who reads it as it is written. @module */
import { DecoderPool } from "../../codecs/decode/budget.ts";
import { newSharedByConnections } from "../../codecs/http2/connection.ts";
import { MemoryBudget } from "../../codecs/memory_budget.ts";
import type { Flow } from "../mirror/flow.ts";
import type { FlowTap } from "../mirror/flow_tap.ts";
import { DeferredRecords } from "./deferred_records.ts";
import { DeferredTap } from "./deferred_tap.ts";
import type { Entry } from "./exchange.ts";
import type { Filter } from "./filter.ts";
import { ExchangeLog } from "./exchange_log.ts";
import { factsOf, type FlowFacts } from "./flow_facts.ts";
import { FlowView, type PassedOver, type SharedByViews } from "./flow_view.ts";
import { LOG_BYTES_DEFAULT } from "./log_layout.ts";
import type { Followers } from "./followers.ts";
import { LogReader, type ReadableLog, type UnreadExchanges } from "./log_reader.ts";
import { BLOCK_BYTES, BLOCK_MEMORY_BYTES } from "./waiting_records.ts";

/** What all flows may hold of heads and streams that are not whole: a third of what `http2to1` may. */
const HELD_BYTES_MAX = 48 * 1024 * 1024;
/** Decompressors of WebSockets, at some 40 KiB each. */
const DECODERS_MAX = 256;
/** Of the log's memory, for what nobody has read; in a small log all is read at once. */
const WAITING_SHARE = 8;
const BLOCKS_MAX = 16;
const WAITING_LOG_MIN = 4 * 1024 * 1024;
const READ_ALL = { isEmpty: false, readAll: true };

export interface ViewOptions {
  /** Bytes of the log. */
  readonly logBytes?: number;
  /** Bytes of each body that are kept; 0: none. */
  readonly bodyBytes?: number;
  /** Which entries readers get. Default: all. */
  readonly filter?: Filter;
  /**
   * Who reads the log as it goes on. What comes fast while nobody reads all of it is kept only as far as an eighth of the log, 8 MiB
   * at most, has room for it. Default: somebody reads all.
   */
  readonly followers?: Pick<Followers, "isEmpty" | "readAll">;
  /** A reader of a flow threw. */
  readonly failed: (error: unknown) => void;
}

/** Gets what has ended, in that order. Its functions must not throw. */
export interface EntryReader {
  /** Times of entries count from so many nanoseconds since 1970; called before all others. */
  begin?(timeBaseNs: bigint): void;
  /** Gets one. */
  take(entry: Entry): void;
  /** So many entries had left the log before they could be read. */
  missed?(count: number): void;
  /** All that there was has been taken. */
  flush?(): void;
  /** Settles when what was taken has left: asked by sources that can wait. */
  drain?(): Promise<void>;
  /** Nothing more comes. */
  close?(): Promise<void> | void;
}

export class View {
  readonly log: ExchangeLog;
  readonly #shared: SharedByViews;
  /** Undefined where readers get what comes at once. */
  readonly #deferred: DeferredRecords | undefined;
  readonly #readers: readonly EntryReader[];
  readonly #reader: LogReader;
  readonly #filter: Filter;
  #missed = 0;

  constructor(options: ViewOptions, readers: readonly EntryReader[]) {
    const { logBytes = LOG_BYTES_DEFAULT, followers } = options;
    const mayWait = readers.length === 0 && followers !== undefined && logBytes >= WAITING_LOG_MIN;
    const blocks = mayWait ? Math.min(BLOCKS_MAX, Math.floor(logBytes / WAITING_SHARE / BLOCK_BYTES)) : 0;
    this.log = new ExchangeLog(logBytes - blocks * BLOCK_MEMORY_BYTES, options.bodyBytes);
    this.#readers = readers;
    this.#filter = options.filter ?? (() => true);
    this.#reader = new LogReader(this.readable);
    if (readers.length === 0) {
      this.#deferred = new DeferredRecords({
        blocks: Math.max(1, blocks),
        followers: mayWait ? followers : READ_ALL,
        passedOver: () => this.log.passOver(),
      });
    }
    const memory = new MemoryBudget(HELD_BYTES_MAX);
    this.#shared = {
      context: {
        log: this.log,
        decoders: new DecoderPool(DECODERS_MAX, memory),
        memory,
      },
      connections: newSharedByConnections(),
      failed: options.failed,
    };
  }

  /** Looks at a flow from now on. */
  tap(flow: Flow): FlowTap {
    const [toServer, toClient] = flow.counters.decoded;
    const facts = factsOf(flow);
    const isLate = facts.joinedLate || toServer + toClient > 0;
    return this.open({ ...facts, joinedLate: isLate }, flow.openedNs);
  }

  /** Looks at a flow of which this is known. */
  open(facts: FlowFacts, timeNs: number): FlowTap {
    const open = (passedOver?: PassedOver) => new FlowView(facts, this.#shared, timeNs, passedOver);
    if (this.#deferred === undefined) return open();
    const { joinedLate: isLate, alpn } = facts;
    return new DeferredTap(this.#deferred, { openedNs: timeNs, open, isHttp2: alpn === "h2", isLate });
  }

  /** The log, for whoever reads it now and then. */
  get readable(): ReadableLog {
    const update = () => this.update();
    const deferred = this.#deferred;
    return { buffer: this.log.memory.buffer, update, ...deferred && { unread: this.#unread(deferred) } };
  }

  #unread(deferred: DeferredRecords): UnreadExchanges {
    const sample = (share: number) => {
      deferred.sample(share);
      this.log.publish();
    };
    return { sample, counts: deferred.unread, came: () => deferred.came };
  }

  /** Has written into the log what came so far. */
  update(): void {
    this.#deferred?.flush();
    this.log.publish();
  }

  /** Entries that readers have missed, and exchanges that were open when their place was needed. */
  get lost(): number {
    return this.#reader.missed + this.#reader.fellOut;
  }

  /** Lets the readers read. */
  flush(): void {
    if (this.#readers.length === 0) return;
    for (const entry of this.#reader.ended()) {
      if (!this.#filter(entry)) continue;
      for (const reader of this.#readers) reader.take(entry);
    }
    const missed = this.lost - this.#missed;
    this.#missed = this.lost;
    for (const reader of this.#readers) {
      if (missed > 0) reader.missed?.(missed);
      reader.flush?.();
    }
  }

  /** Does that, and waits until slow readers have caught up: for sources that can wait. */
  async catchUp(): Promise<void> {
    this.flush();
    for (const reader of this.#readers) await reader.drain?.();
  }

  async finish(): Promise<void> {
    this.flush();
    for (const reader of this.#readers) await reader.close?.();
  }
}
