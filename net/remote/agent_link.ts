/** One connection of an agent, on the collector's side. @module */
import type { Socket } from "node:net";
import { LINK_FRAME_OVERHEAD, linkBlock, linkHead, type LinkMessage } from "./link.ts";
import { LinkReader } from "./link_reader.ts";
import type { AgentIdentity, IntakePort } from "./intake_port.ts";

/** Runs of packets of one agent that may wait to be written: one is being written while the next is received. */
const WAITING_MAX = 2;
/** Bytes of acknowledgements that an agent may leave unread before newer ones are withheld. */
const UNREAD_MAX = 64 * 1024;

export interface AgentLinkOptions {
  readonly application: string;
  /** Bytes of IP packet in the longest frame that is taken. */
  readonly mtu: number;
  readonly heartbeatMs: number;
  /** Takes and gives back buffers of {@linkcode LINK_BLOCK_MAX} bytes. */
  readonly newMemory: () => Uint8Array<ArrayBuffer>;
  readonly now: () => number;
  /** The connection is no more; told once. `wasOpened`: the intake knew of it and is told too. */
  readonly gone: (reason: string, wasOpened: boolean) => void;
}

/** Memory is bounded: the reader's buffer, {@linkcode WAITING_MAX} more, and what the socket had read ahead. */
export class AgentLink {
  readonly #reader: LinkReader;
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #pending: Uint8Array[] = [];
  #pendingAt = 0;
  #waiting = 0;
  #state: "new" | "opening" | "open" | "over" = "new";
  #isPaused = false;
  #isAdvancing = false;
  #heardMs: number;
  #have = 0;
  #wasOpened = false;

  constructor(
    readonly id: number,
    readonly socket: Socket,
    readonly agent: AgentIdentity,
    readonly port: IntakePort,
    readonly options: AgentLinkOptions,
  ) {
    this.#heardMs = options.now();
    this.#reader = new LinkReader(options.mtu + LINK_FRAME_OVERHEAD, options.newMemory, {
      keptBytes: port.keptBytes,
      packets: (memory, start, end, packets) => this.#packets(memory, start, end, packets),
      message: (message) => this.#take(message),
    });
    this.#timer = setInterval(() => this.#tick(), options.heartbeatMs);
    socket.on("error", (error: Error) => this.#over(error.message));
    socket.on("close", () => this.#over("connection closed"));
    socket.on("end", () => this.#over("connection closed by the agent"));
    socket.on("data", (bytes: Uint8Array) => this.#read(bytes));
    socket.write(linkHead(options.application, "collector"));
  }

  welcome(have: number): void {
    if (this.#state !== "opening") return;
    this.#state = "open";
    this.#have = have;
    this.socket.write(linkBlock({ kind: "welcome", have, mtu: this.options.mtu }));
    this.#advance();
  }

  taken(): void {
    this.#waiting--;
    this.#advance();
  }

  ack(have: number): void {
    this.#have = have;
    if (this.#state !== "open" || this.socket.writableLength > UNREAD_MAX) return;
    this.socket.write(linkBlock({ kind: "ack", have }));
  }

  /** Tells the agent why, and closes. */
  refuse(reason: string): void {
    if (this.#state === "over") return;
    this.socket.end(linkBlock({ kind: "refused", reason }));
    this.#over(reason);
  }

  #read(bytes: Uint8Array): void {
    if (this.#state === "over") return;
    this.#heardMs = this.options.now();
    this.#pending.push(bytes);
    this.#advance();
  }

  /** Parses what was received as far as what is parsed may wait. */
  #advance(): void {
    if (this.#isAdvancing) return; // an answer from within
    const reader = this.#reader;
    this.#isAdvancing = true;
    try {
      while (this.#pending.length > 0 && this.#state !== "over") {
        if (this.#state === "opening") return this.#pause();
        if (reader.room === 0) {
          if (this.#waiting >= WAITING_MAX) return this.#pause();
          reader.flush();
        }
        const bytes = this.#pending[0];
        this.#pendingAt += reader.push(bytes, this.#pendingAt);
        if (this.#pendingAt === bytes.length) {
          this.#pending.shift();
          this.#pendingAt = 0;
        }
      }
      if (this.#state === "over") return;
      // While the writer is busy, packets gather; an idle writer gets them at once.
      if (this.#waiting === 0) reader.flush();
    } catch (error) {
      return this.refuse(`bad data: ${(error as Error).message}`);
    } finally {
      this.#isAdvancing = false;
    }
    if (this.#isPaused) {
      this.#isPaused = false;
      this.socket.resume();
    }
  }

  #pause(): void {
    if (this.#isPaused) return;
    this.#isPaused = true;
    this.socket.pause();
  }

  #packets(memory: Uint8Array<ArrayBuffer>, start: number, end: number, packets: number): void {
    if (this.#state !== "open") throw new RangeError("packets before the collector's welcome");
    this.#waiting++;
    this.port.packets(this.id, memory, start, end, packets);
  }

  #take(message: LinkMessage): void {
    switch (message.kind) {
      case "hello":
        if (this.#state !== "new") throw new RangeError("a second hello");
        this.#state = "opening";
        this.#wasOpened = true;
        this.port.opened(this.id, this.agent, message);
        break;
      case "position":
      case "heartbeat":
      case "end":
        if (this.#state !== "open") throw new RangeError(`${message.kind} before the collector's welcome`);
        this.port.message(this.id, message);
        break;
      default:
        throw new RangeError(`a message of kind ${message.kind}`);
    }
  }

  #tick(): void {
    const silentMs = this.options.now() - this.#heardMs;
    // An agent whose packets we do not read cannot be heard.
    if (silentMs >= 3 * this.options.heartbeatMs && !this.#isPaused) {
      return this.refuse(`agent silent for ${Math.round(silentMs / 1000)} s`);
    }
    this.ack(this.#have);
  }

  #over(reason: string): void {
    if (this.#state === "over") return;
    this.#state = "over";
    clearInterval(this.#timer);
    this.#pending.length = 0;
    // An orderly end still leaves; whoever does not take it is cut.
    const { socket } = this;
    if (socket.writableFinished || socket.destroyed) socket.destroy();
    else {
      const cut = setTimeout(() => socket.destroy(), 2000);
      socket.once("close", () => clearTimeout(cut));
      socket.end();
      socket.resume();
    }
    this.options.gone(reason, this.#wasOpened);
    if (this.#wasOpened) this.port.closed(this.id, reason);
  }
}
