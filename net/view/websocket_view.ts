// SPDX-License-Identifier: MIT
/** Messages of a WebSocket into the exchange log, a row each; what is kept of them is without mask and compression. @module */
import { FlowBudget, MessageBudget } from "../../codecs/decode/budget.ts";
import { DEFAULT_OPTIONS } from "../../codecs/decode/options.ts";
import type { AgreedDeflate } from "../../codecs/decode/websocket.ts";
import { ZlibStream } from "../../codecs/decode/zlib_stream.ts";
import { type Direction, TO_CLIENT, TO_SERVER } from "../../codecs/direction.ts";
import type { Cut } from "./exchange.ts";
import { Protocol, RowKind } from "./log_layout.ts";
import type { ViewContext } from "./protocol_view.ts";
import { type FrameStart, WebSocketFrames } from "./websocket_frames.ts";

const OPCODE_CLOSE = 8;
const FIRST_CONTROL_OPCODE = 8;
/**
 * A message that gives more, or a half that gives more than `decode` would decode of it, is not inflated to its end, and nothing behind
 * it is: a decompressor's past is part of it. Who sends messages pays for their inflating.
 */
const BOUNDS = { ...DEFAULT_OPTIONS, maxMessageBytes: 16 * 1024 * 1024 };
/** What the sender leaves off the end of every message. */
const TAIL = Uint8Array.of(0, 0, 0xff, 0xff);
/** Used by one call at a time. */
const PIECE = new Uint8Array(16 * 1024);

export class WebSocketView {
  readonly #halves: readonly [MessageHalf, MessageHalf];

  /** `deflate`: what was agreed on of permessage-deflate. */
  constructor(context: ViewContext, deflate: AgreedDeflate | undefined) {
    this.#halves = [
      new MessageHalf(TO_SERVER, context, deflate),
      new MessageHalf(TO_CLIENT, context, deflate),
    ];
  }

  data(direction: Direction, bytes: Uint8Array, timeNs: number): void {
    this.#halves[direction].data(bytes, timeNs);
  }

  /** Nobody knows where the next frame begins. */
  gap(direction: Direction): void {
    this.#halves[direction].stop();
  }

  end(): void {
    for (const half of this.#halves) half.stop();
  }
}

class MessageHalf {
  readonly #frames = new WebSocketFrames(this);
  readonly #budget = new FlowBudget(BOUNDS.extraBytes);
  /** Of the message at hand. */
  #message = new MessageBudget(this.#budget, BOUNDS);
  #row = -1;
  #timeNs = 0;
  #isCompressed = false;
  /** The frame at hand is a ping or a pong, which may stand between those of a message. */
  #isPassedOver = false;
  #isFinal = false;
  #inflate: ZlibStream | undefined;
  #isStopped = false;
  #cannotInflate = false;

  constructor(
    readonly direction: Direction,
    readonly context: ViewContext,
    readonly deflate: AgreedDeflate | undefined,
  ) {}

  data(bytes: Uint8Array, timeNs: number): void {
    this.#timeNs = timeNs;
    if (!this.#isStopped) this.#frames.data(bytes);
  }

  stop(): void {
    this.#isStopped = true;
    this.#endCut("gap");
    this.#release();
  }

  /** The message at hand, if there is one, ends before it is whole. */
  #endCut(why: Cut): void {
    if (this.#row < 0) return;
    this.context.log.cut(this.#row, why);
    this.context.log.end(this.#row, this.#timeNs);
    this.#row = -1;
  }

  /** The pool of decompressors needs its place. */
  evict(): void {
    this.#cannotInflate = true;
    this.#release();
  }

  // FrameParts

  frame({ opcode, isFinal, isCompressed }: FrameStart): void {
    this.#isPassedOver = opcode >= FIRST_CONTROL_OPCODE && opcode !== OPCODE_CLOSE;
    if (this.#isPassedOver) return;
    this.#isFinal = isFinal;
    if (opcode === 0 && this.#row >= 0) return;
    this.#endCut("closed");
    const { log } = this.context;
    this.#isCompressed = isCompressed;
    this.#message = new MessageBudget(this.#budget, BOUNDS);
    this.#row = log.begin(RowKind.MESSAGE, Protocol.WEBSOCKET, this.context.flowAt(), this.#timeNs);
    log.setMessage(this.#row, this.direction, opcode);
  }

  payload(bytes: Uint8Array): void {
    if (this.#row < 0 || this.#isPassedOver) return;
    if (!this.#isCompressed) this.#keep(bytes);
    else this.#inflatePiece(bytes);
  }

  frameEnd(): void {
    if (this.#row < 0 || !this.#isFinal || this.#isPassedOver) return;
    const { log } = this.context;
    if (this.#isCompressed && this.#inflater() !== undefined) this.#inflatePiece(TAIL);
    if (this.deflate?.[this.direction]) this.#release();
    log.end(this.#row, this.#timeNs);
    this.#row = -1;
  }

  #keep(bytes: Uint8Array): void {
    this.context.log.body(this.#row, this.direction, bytes, 0, bytes.length, this.#timeNs);
  }

  #inflatePiece(bytes: Uint8Array): void {
    const stream = this.#inflater();
    if (stream === undefined) return this.#keep(bytes);
    this.#message.received(bytes.length);
    for (let at = 0; !this.#cannotInflate;) {
      stream.step(bytes, at, bytes.length, PIECE);
      const { consumed, produced, isMalformed } = stream;
      at += consumed;
      const isTooMuch = this.#message.take(produced) !== "";
      if (produced > 0) this.#keep(PIECE.subarray(0, produced));
      if (isMalformed || isTooMuch) {
        this.context.log.cut(this.#row, isMalformed ? "malformed" : "bound");
        return this.evict();
      }
      if (produced < PIECE.length && (at === bytes.length || consumed === 0)) return;
    }
  }

  #inflater(): ZlibStream | undefined {
    if (this.#cannotInflate || this.deflate === undefined) return undefined;
    if (this.#inflate === undefined) {
      this.context.decoders.add(this.#budget, this);
      this.#inflate = new ZlibStream("raw-deflate");
    }
    return this.#inflate;
  }

  #release(): void {
    if (this.#inflate === undefined) return;
    this.#inflate.close();
    this.#inflate = undefined;
    this.context.decoders.remove(this.#budget, this);
  }
}
