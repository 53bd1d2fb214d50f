// SPDX-License-Identifier: MIT
/** One connection of HTTP/1.1 with its bodies decoded. @module */
import type { CodecOutput, CodecSession } from "../codec.ts";
import { type Direction, TO_CLIENT, TO_SERVER } from "../direction.ts";
import type { MemoryAccount } from "../memory_budget.ts";
import { MAX_CODINGS } from "./content_decoder.ts";
import { type DecodeContext, DecodedMessage, isKnownCoding } from "./decoded_message.ts";
import { DECODED_MARK, ENCODED_MARK, type MessageHead, readHead, rewriteHead } from "./message_head.ts";
import { Framing, type MessageParts, MessageReader } from "./message_reader.ts";
import { Outlet } from "./outlet.ts";
import { agreedDeflate, WebSocketDecoder } from "./websocket.ts";

/** Requests that wait for their responses; an IDS loses count of fewer. */
const MAX_WAITING = 1000;

const NO_NAMES: ReadonlySet<string> = new Set();
const EXTENSIONS: ReadonlySet<string> = new Set(["sec-websocket-extensions"]);

/** One direction. */
class Half implements MessageParts {
  readonly reader: MessageReader;
  readonly outlet: Outlet;
  /** Decoded, while one is. */
  message: DecodedMessage | undefined;
  webSocket: WebSocketDecoder | undefined;

  constructor(readonly direction: Direction, readonly session: DecodeSession) {
    this.reader = new MessageReader(direction, this);
    this.outlet = new Outlet(session.output, direction);
  }

  head(bytes: Uint8Array): Framing {
    const head = readHead(this.direction, bytes);
    const framing = head === undefined ? Framing.OPAQUE : this.session.framingOf(this.direction, head);
    if (head === undefined || framing === Framing.OPAQUE || framing === 0) this.#passHead(bytes, head);
    else this.#bodyHead(bytes, head);
    return framing;
  }

  /** The head of a message that has a body. */
  #bodyHead(bytes: Uint8Array, head: MessageHead): void {
    const { context } = this.session;
    const { gzip, br } = context.options;
    if (head.contentCodings.length === 0 || !gzip && isForIds(head)) return this.#passHead(bytes, head);
    const reason = undecodable(head, br) || (context.budget.isLow && isForIds(head) ? "ratio" : "");
    if (reason !== "") {
      context.count(`encoded-${reason}`);
      return this.outlet.write(rewriteHead(bytes, NO_NAMES, [`${ENCODED_MARK}: ${reason}`]));
    }
    this.session.hasDecoded = true;
    this.message = new DecodedMessage(head, bytes.slice(), this.outlet, context);
  }

  #passHead(bytes: Uint8Array, head: MessageHead | undefined): void {
    if (this.webSocket !== undefined && this.direction === TO_CLIENT) {
      this.outlet.write(rewriteHead(bytes, EXTENSIONS, [`${DECODED_MARK}: permessage-deflate`]));
    } else if (head?.hasMarks) this.outlet.write(rewriteHead(bytes, NO_NAMES, []));
    else this.outlet.pass(bytes);
  }

  body(bytes: Uint8Array): void {
    if (this.message === undefined) return this.outlet.pass(bytes);
    this.message.body(bytes);
    this.#afterPart();
  }

  framing(bytes: Uint8Array): void {
    if (this.message === undefined) return this.outlet.pass(bytes);
    this.message.framing(bytes);
    this.#afterPart();
  }

  trailer(line: string): void {
    this.message?.trailer(line);
  }

  messageEnd(): void {
    this.message?.end();
    this.message = undefined;
  }

  gap(lengthBytes: number): void {
    this.message?.gap(lengthBytes);
    this.#afterPart();
    if (this.webSocket !== undefined) this.webSocket.gap(lengthBytes);
    else if (this.message === undefined) this.outlet.gap(lengthBytes);
  }

  broken(line: string): void {
    this.message?.broken(line);
    this.message = undefined;
    this.session.context.count("broken-framing");
  }

  opaque(bytes: Uint8Array): void {
    if (this.webSocket !== undefined) this.webSocket.data(bytes);
    else this.outlet.pass(bytes);
  }

  end(): void {
    this.reader.end();
    this.message?.cut();
    this.message = undefined;
    this.webSocket?.end();
  }

  flush(): void {
    this.message?.flush();
    this.#afterPart();
    this.webSocket?.flush();
    this.outlet.flush();
  }

  /** Nothing more is decoded. */
  abandon(): void {
    this.message?.evict();
    this.webSocket?.evict();
  }

  /** Between two calls: says what decoding holds. */
  settle(): void {
    const { pool, budget } = this.session.context;
    for (const holder of [this.message, this.webSocket]) {
      if (holder !== undefined) pool.settle(budget, holder, holder.memoryBytes);
    }
  }

  #afterPart(): void {
    if (this.message?.isEncoded) this.message = undefined;
  }
}

export class DecodeSession implements CodecSession {
  /** Whether anything of the connection is longer than it came. */
  hasDecoded = false;
  readonly #halves: readonly [Half, Half];
  /** Of requests whose response has not begun. */
  readonly #methods: string[] = [];
  readonly #account: MemoryAccount;
  readonly #ended: [boolean, boolean] = [false, false];

  constructor(readonly output: CodecOutput, readonly context: DecodeContext) {
    this.#halves = [new Half(TO_SERVER, this), new Half(TO_CLIENT, this)];
    this.#account = context.memory.open(() => this.#giveWay());
  }

  data(direction: Direction, bytes: Uint8Array): void {
    this.#call(direction, ({ reader }) => reader.data(bytes));
  }

  gap(direction: Direction, lengthBytes: number): void {
    this.#call(direction, ({ reader }) => reader.gap(lengthBytes));
  }

  end(direction: Direction): void {
    this.#call(direction, (half) => half.end());
    this.#ended[direction] = true;
    if (this.#ended[TO_SERVER] && this.#ended[TO_CLIENT]) this.#account.close();
  }

  #call(direction: Direction, use: (half: Half) => void): void {
    const { decoded, written } = this.context.scratch;
    // A call that threw, in whatever flow, may have left something.
    decoded.length = written.length = 0;
    try {
      use(this.#halves[direction]);
      this.#flush(direction);
    } catch (error) {
      // The flow goes on without this session.
      for (const half of this.#halves) half.abandon();
      this.#account.close();
      throw error;
    }
    this.#account.settle(this.#heldBytes);
    for (const half of this.#halves) half.settle();
  }

  get #heldBytes(): number {
    return this.#halves[TO_SERVER].reader.heldBytes + this.#halves[TO_CLIENT].reader.heldBytes;
  }

  /** Between two calls: a head that has not all come passes as it is, and so does what follows it. Nothing is held then. */
  #giveWay(): number {
    for (const { reader, outlet } of this.#halves) {
      if (reader.heldBytes === 0) continue;
      this.context.count("head-over-bound");
      reader.makeOpaque();
      outlet.flush();
    }
    return this.#heldBytes;
  }

  /** First the direction whose bytes are decoded: the other may have got what is in a tunnel. */
  #flush(direction: Direction): void {
    this.#halves[direction].flush();
    this.#halves[direction === TO_SERVER ? TO_CLIENT : TO_SERVER].flush();
  }

  /** What follows a head. */
  framingOf(direction: Direction, head: MessageHead): Framing {
    if (direction === TO_SERVER) this.#request(head);
    if (head.isAmbiguous || this.#methods.length > MAX_WAITING) {
      this.context.count("ambiguous-framing");
      return Framing.OPAQUE;
    }
    const framing = head.isChunked ? Framing.CHUNKED : head.contentLength;
    if (direction === TO_SERVER) return framing === -1 && !head.isChunked ? 0 : framing;
    return this.#response(head, framing);
  }

  #request({ method }: MessageHead): void {
    this.#reopen();
    this.#methods.push(method);
  }

  #response(head: MessageHead, framing: Framing): Framing {
    const { status } = head;
    if (status < 200 && status !== 101) return 0;
    const method = this.#methods.shift();
    if (status === 101 || method === "CONNECT" && status < 300) {
      this.#tunnel(head);
      return Framing.OPAQUE;
    }
    if (method === "HEAD" || status === 204 || status === 304) return 0;
    return head.isChunked || head.contentLength >= 0 ? framing : Framing.UNTIL_END;
  }

  #tunnel(head: MessageHead): void {
    const deflate = this.context.options.websocket && head.upgrade === "websocket"
      ? agreedDeflate(head.webSocketExtensions)
      : undefined;
    for (const half of this.#halves) {
      if (deflate !== undefined) {
        half.webSocket = new WebSocketDecoder(deflate[half.direction], half.outlet, this.context);
      }
    }
    this.#halves[TO_SERVER].reader.makeOpaque();
  }

  /** An IDS inspects so much of a connection and no more, and decoded bodies are longer than they came. */
  #reopen(): void {
    const { reopenAfterBytes } = this.context.options;
    const written = Math.max(...this.#halves.map(({ outlet }) => outlet.writtenBytes));
    const isBetween = this.#methods.length === 0 && this.#halves[TO_CLIENT].reader.isIdle;
    if (!this.hasDecoded || !isBetween || reopenAfterBytes === 0 || written <= reopenAfterBytes) return;
    for (const { outlet } of this.#halves) {
      outlet.flush();
      outlet.writtenBytes = 0;
    }
    this.hasDecoded = false;
    this.output.close(0, "fin");
  }
}

/** Whether an IDS can decode it itself. */
function isForIds({ contentCodings }: MessageHead): boolean {
  return contentCodings.length === 1 && /^(x-)?gzip$|^deflate$/.test(contentCodings[0]);
}

/** Why a body is not tried at all. */
function undecodable(head: MessageHead, br: boolean): string {
  const { contentCodings } = head;
  if (!contentCodings.every((coding) => isKnownCoding(coding) && (br || coding !== "br"))) {
    return "unknown-coding";
  }
  if (contentCodings.length > MAX_CODINGS) return "many-codings";
  // There are no chunks in HTTP/1.0: where a body goes on with another length, only the end of the connection can end it.
  return head.isHttp10 && (head.method !== "" || head.keepsAlive) ? "http-1-0" : "";
}
