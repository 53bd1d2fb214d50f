// SPDX-License-Identifier: MIT
/** One direction of HTTP/1 on its way into the exchange log. @module */
import { Framing, type MessageParts, MessageReader } from "../../codecs/decode/message_reader.ts";
import { type Direction, TO_SERVER } from "../../codecs/direction.ts";
import type { MemoryAccount, MemoryBudget } from "../../codecs/memory_budget.ts";
import type { ScannedText } from "./head_scan.ts";

const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;

/** What reads a connection asks of, and is told by, its directions. */
export interface Http1Owner {
  /** A piece that should begin a message; true: it is just that message, whole, and was taken. */
  wholeMessage(direction: Direction, text: ScannedText, start: number, end: number): boolean;
  /** A head with its empty line; answers what follows, `undefined`: it is none. */
  head(direction: Direction, bytes: Uint8Array): Framing | undefined;
  body(direction: Direction, bytes: Uint8Array): void;
  trailer(direction: Direction, line: string): void;
  messageEnd(direction: Direction): void;
  bodyGap(direction: Direction, lengthBytes: number): void;
  /** The message at hand goes on in bytes that are not known, or are no message. */
  lost(direction: Direction, why: "gap" | "malformed"): void;
  /** A tunnel's bytes. */
  tunnel(direction: Direction, bytes: Uint8Array): void;
}

/**
 * ```
 * READING ──bytes lost, or no HTTP──▶ LOST ──a piece that begins with a head──▶ READING
 *    └──upgrade or CONNECT accepted──▶ TUNNEL
 * ```
 */
type State = "reading" | "lost" | "tunnel";

export class Http1Half implements MessageParts {
  /** When the message at hand began. */
  beganNs = 0;
  /** The head at hand is the first behind a loss. */
  isResynced = false;
  /** While it is lost since bytes were: messages may be among them. */
  isLostByGap = false;
  /** While it is lost since nobody read what came. */
  isPassedOver = false;
  #state: State;
  #reader: MessageReader;
  readonly #owner: Http1Owner;
  readonly #memory: MemoryBudget;
  /** While a head is held that is not whole. */
  #account: MemoryAccount | undefined;
  #isGap = false;

  constructor(readonly direction: Direction, owner: Http1Owner, memory: MemoryBudget, joinedLate: boolean) {
    this.#owner = owner;
    this.#memory = memory;
    this.#state = joinedLate ? "lost" : "reading";
    this.#reader = new MessageReader(direction, this);
  }

  get isLost(): boolean {
    return this.#state === "lost";
  }

  /** The next piece should begin a message. */
  get isBetweenMessages(): boolean {
    return this.#state === "reading" && this.#reader.isIdle;
  }

  /** A piece that may be just one message; true: it is, and was taken. */
  message(text: ScannedText, start: number, end: number, timeNs: number): boolean {
    if (!this.isBetweenMessages) return false;
    this.beganNs = timeNs;
    if (!this.#owner.wholeMessage(this.direction, text, start, end)) return false;
    this.isResynced = false;
    return true;
  }

  data(bytes: Uint8Array, timeNs: number): void {
    if (this.#state === "lost") {
      if (!beginsWithHead(this.direction, bytes)) return;
      this.#state = "reading";
      this.isResynced = true;
      this.isLostByGap = this.isPassedOver = false;
      this.#reader = new MessageReader(this.direction, this);
    }
    if (this.#reader.isIdle) {
      this.beganNs = timeNs;
      if (this.#state === "reading" && !mayBeginHead(this.direction, bytes)) return this.#lose("malformed");
    }
    this.#reader.data(bytes);
    if (this.#account !== undefined || this.#reader.heldBytes > 0) this.#settle();
  }

  gapOf(lengthBytes: number): void {
    if (this.#state === "lost") {
      this.isLostByGap = true;
      return;
    }
    this.#isGap = true;
    this.#reader.gap(lengthBytes);
    this.#isGap = false;
  }

  /** Pieces come that nobody reads: it goes on at the next head. */
  passOver(): void {
    if (this.#state !== "reading") return;
    this.#state = "lost";
    this.isLostByGap = false;
    this.isPassedOver = true;
    this.#closeAccount();
  }

  end(): void {
    if (this.#state === "reading") this.#reader.end();
    this.#closeAccount();
  }

  makeTunnel(): void {
    this.#state = "tunnel";
    this.#reader.makeOpaque();
  }

  // MessageParts

  head(bytes: Uint8Array): Framing {
    const framing = this.#owner.head(this.direction, bytes);
    this.isResynced = false;
    if (framing !== undefined) return framing;
    this.#lose("malformed");
    return Framing.OPAQUE;
  }

  body(bytes: Uint8Array): void {
    this.#owner.body(this.direction, bytes);
  }

  framing(): void {}

  trailer(line: string): void {
    this.#owner.trailer(this.direction, line);
  }

  messageEnd(): void {
    this.#owner.messageEnd(this.direction);
  }

  gap(lengthBytes: number): void {
    if (this.#state === "reading") this.#owner.bodyGap(this.direction, lengthBytes);
  }

  broken(): void {
    this.#lose(this.#isGap ? "gap" : "malformed");
  }

  opaque(bytes: Uint8Array): void {
    if (this.#state === "tunnel") return this.#owner.tunnel(this.direction, bytes);
    this.#lose("malformed");
  }

  #lose(why: "gap" | "malformed"): void {
    if (this.#state !== "reading") return;
    this.#state = "lost";
    this.isLostByGap = why === "gap";
    this.#owner.lost(this.direction, why);
  }

  /** What is held of a head counts against the bound of all flows; the one that holds most gives way. */
  #settle(): void {
    const held = this.#reader.heldBytes;
    if (held === 0) return this.#closeAccount();
    this.#account ??= this.#memory.open(() => {
      this.#reader = new MessageReader(this.direction, this);
      this.#lose("malformed");
      return 0;
    });
    this.#account.settle(held);
  }

  #closeAccount(): void {
    this.#account?.close();
    this.#account = undefined;
  }
}

const HTTP_LETTER = 0x48;
const VERSION_END = 8;

/**
 * Whether a piece that should begin a head can: a line that is whole has a version at its end or its beginning. What other protocols
 * say in lines would else be kept until it is too long for a head.
 */
function mayBeginHead(direction: Direction, bytes: Uint8Array): boolean {
  let lineEnd = 0;
  while (lineEnd < bytes.length && bytes[lineEnd] !== LINE_FEED) lineEnd++;
  if (lineEnd === bytes.length) return true;
  // Empty lines may stand before a head.
  if (lineEnd < VERSION_END) return true;
  if (direction !== TO_SERVER) return bytes[0] === HTTP_LETTER;
  const end = bytes[lineEnd - 1] === CARRIAGE_RETURN ? lineEnd - 1 : lineEnd;
  return bytes[end - VERSION_END] === HTTP_LETTER;
}

const REQUEST_LINE = /^[A-Z][A-Z-]{1,31} \S{1,16000} HTTP\/1\.[01]\r?$/;
const STATUS_LINE = /^HTTP\/1\.[01] \d{3}(?: [^\r\n]*)?\r?$/;
const LINE_BYTES_MAX = 16 * 1024;

/** Whether a piece of which nobody knows what it belongs to begins with a head. */
export function beginsWithHead(direction: Direction, bytes: Uint8Array): boolean {
  // Most pieces are body: one look at the first byte passes over them.
  const isLetter = bytes[0] >= 0x41 && bytes[0] <= 0x5a;
  if (!isLetter) return false;
  const end = bytes.indexOf(LINE_FEED);
  if (end < 0 || end > LINE_BYTES_MAX) return false;
  let line = "";
  for (let at = 0; at < end; at++) line += String.fromCharCode(bytes[at]);
  return (direction === TO_SERVER ? REQUEST_LINE : STATUS_LINE).test(line);
}
