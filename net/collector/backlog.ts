// SPDX-License-Identifier: MIT
/** What agents sent while the sinks could not take it. @module */
import type { Sink } from "../sinks/sink.ts";
import type { AgentMessage } from "../link/session/intake_port.ts";

/** Bytes written and not flushed beyond which packets wait with the agents: half of the queue that a sink has. */
const UNFLUSHED_MAX_BYTES = 8 * 1024 * 1024;
/** How often a sink that takes none is looked at. */
const DOWN_POLL_MS = 100;

/** A message, or a run of packets in memory of its own. */
export type Held =
  | { readonly link: number; readonly message: AgentMessage }
  | {
    readonly link: number;
    readonly message: undefined;
    readonly blocks: Uint8Array<ArrayBuffer>;
    readonly packets: number;
  };

/**
 * A sink that would drop packets now and may take them later (an interface that is down or gone, a queue that is nearly full) is
 * given none: they stay here unanswered, and so their agents send no more. Bounded by what a connection may have
 * unanswered.
 */
export class Backlog {
  /** Bytes of packets that the sinks may still hold in queues of their own. */
  unflushedBytes = 0;
  readonly #sinks: () => readonly Sink[];
  readonly #handle: (held: Held) => void;
  readonly #log: (message: string) => void;
  #held: Held[] = [];
  #downTimer: ReturnType<typeof setInterval> | undefined;

  /** `handle` gets what was held, in its order. */
  constructor(sinks: () => readonly Sink[], handle: (held: Held) => void, log: (message: string) => void) {
    this.#sinks = sinks;
    this.#handle = handle;
    this.#log = log;
  }

  /** Whether what comes now has to be held. */
  get isHolding(): boolean {
    return this.#held.length > 0 || !this.#canWrite();
  }

  hold(held: Held): void {
    this.#held.push(held);
    this.#watchDown();
  }

  /** Gives what is held to the sinks, as far as they can take it; to be called when bytes were flushed. */
  resume(): void {
    while (this.#held.length > 0 && this.#canWrite()) this.#handle(this.#held.shift()!);
    if (this.#held.length > 0) this.#watchDown();
  }

  /** The connection is no more: its agent sends again what is held of it. */
  forget(link: number): void {
    if (this.#held.length > 0) this.#held = this.#held.filter((held) => held.link !== link);
  }

  close(): void {
    this.#held = [];
    clearInterval(this.#downTimer);
  }

  #canWrite(): boolean {
    return this.unflushedBytes < UNFLUSHED_MAX_BYTES && this.#downSink() === undefined;
  }

  #downSink(): Sink | undefined {
    return this.#sinks().find((sink) => sink.isDown);
  }

  #watchDown(): void {
    if (this.#downTimer !== undefined) return;
    const down = this.#downSink();
    if (down === undefined) return;
    this.#log(`packets for ${down.name} wait with the agents until it takes some again`);
    this.#downTimer = setInterval(() => {
      if (down.isDown && this.#sinks().includes(down)) return;
      clearInterval(this.#downTimer);
      this.#downTimer = undefined;
      this.resume();
    }, DOWN_POLL_MS);
  }
}
