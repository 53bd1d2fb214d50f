// SPDX-License-Identifier: MIT
/** One connection of an agent, on the collector's side. @module */
import type { Socket } from "node:net";
import { FRAME_LENGTH_MAX, FRAME_OVERHEAD_MAX } from "../../forge/packet_batch.ts";
import { goOnReading, stopReading } from "./flow_control.ts";
import { linkBlock, linkHead, type LinkMessage, SILENT_HEARTBEATS, STATUS } from "../blocks/link.ts";
import type { LinkMemory } from "./link_memory.ts";
import { LinkReader } from "../blocks/link_reader.ts";
import { type Unpacker, ZSTD } from "../blocks/packing.ts";
import type { AgentIdentity, IntakePort } from "../session/intake_port.ts";

/** Time for which packets gather before they are handed on, unless the buffer is full before. */
const GATHER_MS = 2;
/** Heartbeats within which the first message must come. */
const HELLO_HEARTBEATS = 2;
/** Bytes of acknowledgements that an agent may leave unread before newer ones are withheld. */
const UNREAD_MAX = 64 * 1024;

export interface AgentLinkOptions {
  readonly application: string;
  readonly heartbeatMs: number;
  readonly memory: LinkMemory;
  /** For packets that come packed; absent: none are taken. */
  readonly unpacker: Unpacker | undefined;
  readonly now: () => number;
  /** The connection is no more; told once. `wasOpened`: the intake knew of it and is told too. */
  readonly gone: (reason: string, wasOpened: boolean) => void;
}

/** Memory is bounded: the reader's buffer, {@linkcode LinkMemory.waitingMax} more, and what the socket had read ahead. */
export class AgentLink {
  readonly #reader: LinkReader;
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #helloTimer: ReturnType<typeof setTimeout>;
  readonly #pending: Uint8Array[] = [];
  #pendingAt = 0;
  /** Runs of packets and messages that the intake has not answered. */
  #waiting = 0;
  #gathering: ReturnType<typeof setTimeout> | undefined;
  /** Packets have gathered for long enough. */
  #isDue = false;
  #state: "new" | "opening" | "open" | "over" = "new";
  #isPaused = false;
  #isParsing = false;
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
    this.#reader = new LinkReader(FRAME_LENGTH_MAX, options.memory.of(id), {
      keptBytes: port.keptBytes,
      packets: (memory, start, end, packets) => this.#packets(memory, start, end, packets),
      message: (message) => this.#receive(message),
      isBusy: () => this.#isBusy,
      unpacker: options.unpacker,
    });
    const helloMs = HELLO_HEARTBEATS * options.heartbeatMs;
    this.#helloTimer = setTimeout(() => this.refuse(`no hello within ${helloMs / 1000} s`), helloMs);
    this.#timer = setInterval(() => this.#tick(), options.heartbeatMs);
    socket.on("error", (error: Error) => this.#end(error.message));
    socket.on("close", () => this.#end("connection closed"));
    socket.on("end", () => this.#end("connection closed by the agent"));
    socket.on("data", (bytes: Uint8Array) => this.#read(bytes));
    socket.write(linkHead(options.application, "collector", Date.now()));
  }

  /** The agent may send from now on: what is behind `have`, in frames with up to `mtu` bytes of IP packet. */
  welcome(have: number, mtu: number): void {
    if (this.#state !== "opening") return;
    this.#state = "open";
    this.#have = have;
    this.#reader.frameMax = mtu + FRAME_OVERHEAD_MAX;
    const takes = this.options.unpacker ? [STATUS, ZSTD] : [STATUS];
    this.socket.write(linkBlock({ kind: "welcome", have, mtu, takes }));
    this.#parse();
  }

  done(): void {
    this.#waiting--;
    this.#parse();
  }

  ack(have: number): void {
    this.#have = have;
    if (this.#state !== "open" || this.socket.writableLength > UNREAD_MAX) return;
    this.socket.write(linkBlock({ kind: "ack", have }));
  }

  /** Tells the agent why, as the last that it hears, and closes. */
  refuse(reason: string): void {
    if (this.#state === "over") return;
    this.socket.end(linkBlock({ kind: "refused", reason }));
    this.#end(reason);
  }

  get #isBusy(): boolean {
    return this.#waiting >= this.options.memory.waitingMax;
  }

  #read(bytes: Uint8Array): void {
    if (this.#state === "over") return;
    this.#heardMs = this.options.now();
    this.#pending.push(bytes);
    this.#parse();
  }

  /** Parses what was received as far as what is parsed may wait. */
  #parse(): void {
    if (this.#isParsing) return; // an answer from within
    const reader = this.#reader;
    this.#isParsing = true;
    try {
      while (this.#state !== "over") {
        if (this.#state === "opening" || !reader.walk()) return this.#pause();
        if (this.#pending.length === 0) break;
        if (reader.room === 0) {
          if (this.#isBusy) return this.#pause();
          reader.flush();
        }
        const bytes = this.#pending[0];
        this.#pendingAt += reader.push(bytes, this.#pendingAt);
        if (this.#pendingAt === bytes.length) {
          this.#pending.shift();
          this.#pendingAt = 0;
          giveBack(bytes);
        }
      }
      if (this.#state === "over") return;
      if (reader.hasPackets) this.#gather();
    } catch (error) {
      return this.refuse(`bad data: ${(error as Error).message}`);
    } finally {
      this.#isParsing = false;
    }
    if (this.#isPaused) {
      this.#isPaused = false;
      this.#heardMs = this.options.now();
      goOnReading(this.socket);
    }
  }

  /** While the writer is busy packets gather for as long as there is room. */
  #gather(): void {
    if (this.#isDue && this.#waiting === 0) this.#reader.flush();
    else if (!this.#isDue) {
      this.#gathering ??= setTimeout(() => {
        this.#gathering = undefined;
        this.#isDue = true;
        this.#parse();
      }, GATHER_MS);
    }
  }

  #pause(): void {
    if (this.#isPaused) return;
    this.#isPaused = true;
    stopReading(this.socket);
  }

  #packets(memory: Uint8Array<ArrayBuffer>, start: number, end: number, packets: number): void {
    if (this.#state !== "open") throw new RangeError("packets before the collector's welcome");
    this.#waiting++;
    this.#isDue = false;
    this.port.packets(this.id, memory, start, end, packets);
  }

  #receive(message: LinkMessage): void {
    switch (message.kind) {
      case "hello":
        if (this.#state !== "new") throw new RangeError("a second hello");
        this.#state = "opening";
        clearTimeout(this.#helloTimer);
        this.#wasOpened = true;
        this.port.opened(this.id, this.agent, message);
        break;
      case "position":
      case "heartbeat":
      case "status":
      case "end":
        if (this.#state !== "open") throw new RangeError(`${message.kind} before the collector's welcome`);
        this.#waiting++;
        this.port.message(this.id, message);
        break;
      default:
        throw new RangeError(`a message of kind ${message.kind}`);
    }
  }

  #tick(): void {
    const silentMs = this.options.now() - this.#heardMs;
    // An agent whose packets we do not read cannot be heard.
    if (silentMs >= SILENT_HEARTBEATS * this.options.heartbeatMs && !this.#isPaused) {
      return this.refuse(`agent silent for ${Math.round(silentMs / 1000)} s`);
    }
    this.ack(this.#have);
  }

  /** The connection is no more, or will soon be: nothing is read or told from now on. */
  #end(reason: string): void {
    if (this.#state === "over") return;
    this.#state = "over";
    clearInterval(this.#timer);
    clearTimeout(this.#helloTimer);
    clearTimeout(this.#gathering);
    this.#pending.length = 0;
    // An orderly end still leaves; whoever does not take it is cut.
    const { socket } = this;
    if (socket.writableFinished || socket.destroyed) socket.destroy();
    else {
      const cut = setTimeout(() => socket.destroy(), 2000);
      socket.once("close", () => clearTimeout(cut));
      socket.end();
      goOnReading(socket);
    }
    this.options.gone(reason, this.#wasOpened);
    if (this.#wasOpened) this.port.closed(this.id, reason);
  }
}

/**
 * Frees what the socket has received into memory of its own, now instead of at the next garbage collection: at some
 * hundred megabytes a second the collector would do little else, and hold as much.
 */
function giveBack(bytes: Uint8Array): void {
  if (bytes.byteLength === bytes.buffer.byteLength) (bytes.buffer as ArrayBuffer).transfer(0);
}
