// SPDX-License-Identifier: MIT
/**
 * Both directions of one HTTP/2 connection as HTTP events: streams, header blocks, settings (RFC 9113).
 *
 * Errors stay as small as the RFC makes them: a malformed message loses its exchange, a connection error makes only the
 * direction unreadable from that frame on. What was not seen, because the flow was joined late or bytes were lost, is
 * never guessed: see {@linkcode DirectionState}.
 *
 * @module
 */
import type { Direction } from "../direction.ts";
import type { HttpEvents } from "../http/event.ts";
import type { BlockLimits } from "./block_reader.ts";
import { ConnectionHalf } from "./connection_half.ts";
import { DEFAULT_MAX_BLOCK_BYTES, DEFAULT_MAX_CONTINUATIONS } from "./header_block.ts";
import { DEFAULT_MAX_STORED_BYTES } from "./hpack/table.ts";
import { type DecodeScratch, newDecodeScratch } from "./pseudo.ts";
import { RepeatBudget, SharedAllowance } from "./repeat_budget.ts";
import { StreamTable } from "./streams.ts";

/** Bounds of one connection; see where each default is defined for its derivation. */
export interface ConnectionLimits extends BlockLimits {
  /** Streams that are neither ended nor reset; beyond it the oldest is given up. */
  readonly maxStreams: number;
}

export const DEFAULT_LIMITS: ConnectionLimits = {
  maxBlockBytes: DEFAULT_MAX_BLOCK_BYTES,
  maxContinuations: DEFAULT_MAX_CONTINUATIONS,
  maxTableBytes: DEFAULT_MAX_STORED_BYTES,
  // At about 1 KiB of bookkeeping each: the 16 MiB that a flow may hold.
  maxStreams: 16 * 1024,
};

/** What all connections of a codec share. */
export interface SharedByConnections {
  /** Borrowed for a call. */
  readonly scratch: DecodeScratch;
  readonly allowance: SharedAllowance;
}

export const newSharedByConnections = (): SharedByConnections => ({
  scratch: newDecodeScratch(),
  allowance: new SharedAllowance(),
});

export class Http2Connection<Exchange> {
  readonly halves: readonly [ConnectionHalf<Exchange>, ConnectionHalf<Exchange>];
  readonly #streams: StreamTable<Exchange>;
  readonly #repeats: RepeatBudget;

  constructor(
    events: HttpEvents<Exchange>,
    { scratch, allowance }: SharedByConnections,
    limits: ConnectionLimits,
    joinedLate: boolean,
  ) {
    this.#streams = new StreamTable(events, limits.maxStreams, joinedLate);
    this.#repeats = new RepeatBudget(allowance);
    const shared = { streams: this.#streams, repeats: this.#repeats, scratch, limits };
    this.halves = ConnectionHalf.pair(shared, joinedLate);
  }

  /** Memory of streams, of what is put together and of large tables, as far as it can be let go. */
  get heldBytes(): number {
    const [toServer, toClient] = this.halves;
    const tables = toServer.decoder.table.excessBytes + toClient.decoder.table.excessBytes;
    return this.#streams.heldBytes + toServer.heldBytes + toClient.heldBytes + tables;
  }

  /**
   * Lets so many bytes go: what is put together is told as far as it came, then the oldest streams are given up; where these hold
   * less than that, large tables go before them, whose fields are lost where they come again.
   */
  giveWay(lengthBytes: number): void {
    const target = this.heldBytes - lengthBytes;
    for (const half of this.halves) if (this.heldBytes > target) half.giveWay();
    if (this.#streams.heldBytes < this.heldBytes - target) this.#forgetTables(target);
    while (this.heldBytes > target && this.#streams.giveUpOldest());
  }

  /** The larger table first. */
  #forgetTables(target: number): void {
    const tables = this.halves.map(({ decoder }) => decoder.table);
    tables.sort((one, other) => other.excessBytes - one.excessBytes);
    for (const table of tables) if (this.heldBytes > target && table.excessBytes > 0) table.giveWay();
  }

  /** Who is told of what follows. */
  set events(events: HttpEvents<Exchange>) {
    this.#streams.events = events;
  }

  /** Exchanges of streams that are open. */
  exchanges(): Iterable<Exchange> {
    return this.#streams.exchanges();
  }

  /** What follows comes at this time; never goes back. */
  advance(timeNs: number): void {
    this.#streams.advance(timeNs);
  }

  data(direction: Direction, bytes: Uint8Array): void {
    this.#repeats.earn(bytes.length);
    this.halves[direction].reader.data(bytes);
  }

  gap(direction: Direction, lengthBytes: number): void {
    this.halves[direction].reader.gap(lengthBytes);
  }

  /** The direction has ended: what is unfinished in it stays so. */
  end(direction: Direction): void {
    this.halves[direction].end();
  }
}
