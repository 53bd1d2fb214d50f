// SPDX-License-Identifier: MIT
/** One connection of an agent: sends a session's packets and takes the acknowledgements. @module */
import type { Socket } from "node:net";
import { FRAME_LENGTH_MAX, FRAME_OVERHEAD_MAX } from "../../forge/packet_batch.ts";
import { linkBlock, linkHead, type LinkMessage, SILENT_HEARTBEATS, STATUS } from "../blocks/link.ts";
import { LinkReader, SMALL_MEMORY } from "../blocks/link_reader.ts";
import { CLEAR_MAX, packableBytes, type Packer, PACKING_ROOM, ZSTD } from "../blocks/packing.ts";
import type { Outbox } from "../session/outbox.ts";
import { collectorTrouble } from "./trouble.ts";

/** Bytes of packed blocks from which they are sent with one write. */
const GATHERED_MIN = 64 * 1024;

export interface SenderOptions {
  readonly application: string;
  readonly interfaceName: string;
  /** What the agent calls itself. */
  readonly name: string;
  readonly mtu: number;
  readonly heartbeatMs: number;
  readonly now: () => number;
  readonly random: () => number;
  /** What waits for the collector now. */
  readonly waiting: () => { readonly queuedBytes: number; readonly spooledBytes: number };
  /** For what is sent, where the collector takes it packed; absent: nothing is packed. */
  readonly packer: (() => Packer) | undefined;
  /** The collector takes packets from now on. */
  readonly welcomed: (isPacked: boolean) => void;
  /** More packets are acknowledged than before. */
  readonly progressed: () => void;
}

/** Why a connection ended: the session is complete, or a reason for the log, which may be the collector's own word. */
export type SenderEnd = { readonly isComplete: true } | {
  readonly isComplete: false;
  readonly reason: string;
  readonly isItsWord?: boolean;
};

/** Ends by itself when the session is complete or the connection is no more; {@linkcode Sender.ended} tells. */
export class Sender {
  readonly ended: Promise<SenderEnd>;
  readonly #socket: Socket;
  readonly #outbox: Outbox;
  readonly #options: SenderOptions;
  readonly #resolve: (end: SenderEnd) => void;
  readonly #reader: LinkReader;
  readonly #timer: ReturnType<typeof setInterval>;
  #heardMs: number;
  #isWelcome = false;
  #isEnding = false;
  #endSent = false;
  #isOver = false;
  /** Number that the collector takes the next packet for. */
  #wireNext = -1;
  /** Longest frame that the collector takes. */
  #frameMax = FRAME_LENGTH_MAX;
  /** Of this connection. */
  #packer: Packer | undefined;
  /** Packed blocks that are not written yet; made when it is needed. */
  #gathered: Uint8Array | undefined;
  #gatheredBytes = 0;
  #takesStatus = false;
  /** The collector was told last that something waits. */
  #saidWaiting = false;

  constructor(socket: Socket, outbox: Outbox, options: SenderOptions) {
    const { promise, resolve } = Promise.withResolvers<SenderEnd>();
    this.ended = promise;
    this.#resolve = resolve;
    this.#socket = socket;
    this.#outbox = outbox;
    this.#options = options;
    this.#heardMs = options.now();
    this.#reader = new LinkReader(0, SMALL_MEMORY, {
      keptBytes: Infinity,
      packets: () => this.breakOff("collector sent packets"),
      message: (message) => this.#receive(message),
    });
    socket.on("data", (bytes: Uint8Array) => this.#read(bytes));
    socket.on("drain", () => this.kick());
    socket.on("error", (error: Error) => this.breakOff(error.message));
    socket.on("close", () =>
      this.breakOff(
        this.#isWelcome ? "connection closed" : "collector closed the connection; its log says why",
      ));
    this.#timer = setInterval(() => this.#tick(), options.heartbeatMs);
    outbox.rewind();
    socket.write(linkHead(options.application, options.interfaceName));
    socket.write(linkBlock({
      kind: "hello",
      session: outbox.session,
      first: outbox.first,
      next: outbox.next,
      mtu: options.mtu,
      name: options.name,
    }));
  }

  /** Nothing will be added to the outbox any more. */
  finish(): void {
    this.#isEnding = true;
    this.kick();
  }

  /** Sends what waits, as far as the connection takes it. */
  kick(): void {
    const socket = this.#socket;
    if (!this.#isWelcome || this.#isOver) return;
    while (!socket.writableNeedDrain) {
      const outgoing = this.#outbox.shift(this.#frameMax);
      if (outgoing === undefined) break;
      const { first, packets, bytes, reason } = outgoing;
      this.#position(first, "");
      if (bytes === undefined) this.#position(first + packets, reason);
      else {
        if (this.#packer === undefined) socket.write(bytes);
        else this.#pack(this.#packer, bytes);
        this.#wireNext = first + packets;
      }
    }
    this.#flush();
    if (this.#isEnding && !this.#endSent && this.#outbox.isSent) {
      this.#endSent = true;
      socket.write(linkBlock({ kind: "end", next: this.#outbox.next }));
    }
  }

  #pack(packer: Packer, packets: Uint8Array): void {
    const gathered = this.#gathered ??= new Uint8Array(GATHERED_MIN + PACKING_ROOM);
    for (let at = 0; at < packets.length;) {
      const rest = packets.subarray(at);
      const clear = rest.subarray(0, packableBytes(rest));
      const length = clear.length <= CLEAR_MAX ? packer.pack(clear, gathered, this.#gatheredBytes) : 0;
      this.#gatheredBytes += length;
      if (length === 0 || this.#gatheredBytes >= GATHERED_MIN) this.#flush();
      if (length === 0) this.#socket.write(clear);
      at += clear.length;
    }
  }

  /** Sends what was gathered: a write costs more than the copy, which is freed as soon as it is written. */
  #flush(): void {
    if (this.#gatheredBytes === 0) return;
    const bytes = this.#gathered!.slice(0, this.#gatheredBytes);
    this.#gatheredBytes = 0;
    this.#socket.write(bytes, () => bytes.buffer.transfer(0));
  }

  /** Ends the connection before the session is complete. */
  breakOff(reason: string): void {
    this.#over({ isComplete: false, reason });
  }

  #position(next: number, reason: string): void {
    if (this.#wireNext === next) return;
    this.#flush();
    this.#socket.write(linkBlock({ kind: "position", next, reason }));
    this.#wireNext = next;
  }

  #read(bytes: Uint8Array): void {
    if (this.#isOver) return;
    this.#heardMs = this.#options.now();
    try {
      for (let at = 0; at < bytes.length && !this.#isOver;) at += this.#reader.push(bytes, at);
    } catch (error) {
      this.breakOff(collectorTrouble(error));
    }
  }

  #receive(message: LinkMessage): void {
    switch (message.kind) {
      case "welcome":
        if (this.#isWelcome) throw new RangeError("a second welcome");
        if (message.mtu < this.#options.mtu) {
          return this.breakOff(
            `collector takes IP packets of at most ${message.mtu} bytes and this agent sends up to ${this.#options.mtu}: start it with --mtu ${message.mtu}`,
          );
        }
        this.#acknowledge(message.have);
        this.#outbox.rewind();
        this.#isWelcome = true;
        this.#frameMax = message.mtu + FRAME_OVERHEAD_MAX;
        if (message.takes?.includes(ZSTD)) this.#packer = this.#options.packer?.();
        this.#takesStatus = message.takes?.includes(STATUS) === true;
        this.#options.welcomed(this.#packer !== undefined);
        this.#tellStatus();
        this.kick();
        break;
      case "ack":
        this.#acknowledge(message.have);
        // Every end is acknowledged, that of an empty session too.
        if (this.#endSent && this.#outbox.isEmpty) this.#over({ isComplete: true });
        break;
      case "refused":
        this.#over({ isComplete: false, reason: message.reason, isItsWord: true });
        break;
      default:
        throw new RangeError(`a message of kind ${message.kind}`);
    }
  }

  /** An acknowledgement that is only said again is no progress. */
  #acknowledge(have: number): void {
    const before = this.#outbox.first;
    this.#outbox.acknowledge(have);
    if (this.#outbox.first === before) return;
    this.#options.progressed();
    if (this.#saidWaiting && this.#outbox.isEmpty && !this.#endSent) this.#tellStatus();
  }

  #tick(): void {
    const silentMs = this.#options.now() - this.#heardMs;
    if (silentMs >= SILENT_HEARTBEATS * this.#options.heartbeatMs) {
      return this.breakOff(`collector silent for ${Math.round(silentMs / 1000)} s`);
    }
    if (this.#isWelcome && !this.#socket.writableNeedDrain) {
      this.#socket.write(
        linkBlock({ kind: "heartbeat", next: this.#outbox.next, waitedMs: this.#outbox.waitedMs }),
      );
      this.#tellStatus();
    }
    this.#outbox.settle();
  }

  #tellStatus(): void {
    if (!this.#takesStatus) return;
    const { application, waiting } = this.#options;
    const { queuedBytes, spooledBytes } = waiting();
    this.#saidWaiting = queuedBytes > 0 || spooledBytes > 0;
    this.#socket.write(linkBlock({ kind: "status", queuedBytes, spooledBytes, application }));
  }

  /** Ends the connection, unless it has ended already: the first reason counts. */
  #over(end: SenderEnd): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearInterval(this.#timer);
    this.#packer?.close();
    this.#packer = undefined;
    if (end.isComplete) this.#socket.end();
    else this.#socket.destroy();
    this.#resolve(end);
  }
}
