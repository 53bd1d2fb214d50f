// SPDX-License-Identifier: MIT
/** A connection of HTTP/1.1 into the exchange log. @module */
import { Framing } from "../../codecs/decode/message_reader.ts";
import { type Direction, TO_CLIENT, TO_SERVER } from "../../codecs/direction.ts";
import { HeadScan, MethodKind, scannedCopy, type ScannedText, textOf } from "./head_scan.ts";
import type { Cut } from "./exchange.ts";
import { Http1Half, type Http1Owner } from "./http1_half.ts";
import { Mark, Protocol, RowKind } from "./log_layout.ts";
import type { ProtocolView, ViewContext } from "./protocol_view.ts";
import { agreedDeflate } from "../../codecs/decode/websocket.ts";
import { WaitingRequests } from "./waiting_requests.ts";
import { WebSocketView } from "./websocket_view.ts";

/** Requests of a connection that wait for their responses; no client pipelines as many. */
const MAX_WAITING = 1000;
/** Of a trailer section, of which a part is shown at most. */
const MAX_TRAILERS = 8192;

/** Used by one call at a time. */
const SCAN = new HeadScan();
const NOTHING = new Uint8Array(0);
const NO_TEXT = textOf(0);
const encoder = new TextEncoder();

/** What it has of each direction are fields, not pairs: most of what a request costs is memory that nothing has touched for long. */
export class Http1View implements ProtocolView, Http1Owner {
  /** Heads that came. */
  heads = 0;
  readonly #context: ViewContext;
  readonly #toServer: Http1Half;
  readonly #toClient: Http1Half;
  readonly #waiting = new WaitingRequests();
  /** Rows of the messages at hand, -1: none. */
  #requestRow = -1;
  #responseRow = -1;
  #requestTrailers = "";
  #responseTrailers = "";
  #isTunnel = false;
  #webSocket: WebSocketView | undefined;
  #timeNs = 0;
  /** The head at hand, which was scanned. */
  #text = NO_TEXT;
  #start = 0;
  #end = 0;

  /** `joinedLate`: it is not read from its beginning on; what came before may have been passed over. */
  constructor(context: ViewContext, joinedLate: boolean, isPassedOver = false) {
    this.#context = context;
    const { memory } = context;
    this.#toServer = new Http1Half(TO_SERVER, this, memory, joinedLate);
    this.#toClient = new Http1Half(TO_CLIENT, this, memory, joinedLate);
    this.#toServer.isPassedOver = isPassedOver;
  }

  get protocol(): Protocol {
    return this.heads > 0 ? Protocol.HTTP_1_1 : Protocol.OTHER;
  }

  /** Of the methods that change what a response means at most the next is known: where one may be among them it is -1, too. */
  get unanswered(): number {
    const isIdle = this.#toServer.isBetweenMessages && this.#toClient.isBetweenMessages;
    const { count, nextMethod } = this.#waiting;
    return isIdle && count <= 1 && nextMethod === MethodKind.OTHER ? count : -1;
  }

  get unansweredBytes(): number {
    return this.#context.log.requestBytes(this.#waiting.nextRow);
  }

  message(direction: Direction, text: ScannedText, start: number, end: number, timeNs: number): boolean {
    this.#timeNs = timeNs;
    return this.#half(direction).message(text, start, end, timeNs);
  }

  data(direction: Direction, bytes: Uint8Array, timeNs: number): void {
    this.#timeNs = timeNs;
    this.#half(direction).data(bytes, timeNs);
  }

  gap(direction: Direction, lengthBytes: number, timeNs: number): void {
    this.#timeNs = timeNs;
    this.#webSocket?.gap(direction);
    this.#half(direction).gapOf(lengthBytes);
  }

  passOver(timeNs: number): boolean {
    if (this.#isTunnel || this.#waiting.nextMethod === MethodKind.CONNECT) return false;
    if (this.#toServer.isLost && this.#toClient.isLost) return true;
    this.#timeNs = timeNs;
    this.#toServer.passOver();
    this.#toClient.passOver();
    this.#giveUp("bound");
    this.#requestTrailers = this.#responseTrailers = "";
    return true;
  }

  end(timeNs: number): void {
    this.#timeNs = timeNs;
    this.#toServer.end();
    this.#toClient.end();
    this.#webSocket?.end();
    this.#giveUp(this.#isTunnel ? "" : this.#toClient.isLostByGap ? "gap" : "closed");
  }

  // Http1Owner

  wholeMessage(direction: Direction, text: ScannedText, start: number, end: number): boolean {
    const headEnd = this.#scan(direction, text, start, end);
    if (headEnd <= 0 || headEnd + SCAN.bodyLength(direction, this.#waiting.nextMethod) !== end) return false;
    this.heads++;
    if (direction === TO_SERVER) this.#request();
    else this.#response();
    if (headEnd < end) {
      this.#context.log.body(this.#row(direction), direction, text.bytes, headEnd, end, this.#timeNs);
    }
    this.messageEnd(direction);
    return true;
  }

  /** Reads the head that begins at `start`, and answers where it ends; 0 or less: none does. */
  #scan(direction: Direction, text: ScannedText, start: number, end: number): number {
    this.#text = text;
    this.#start = start;
    return this.#end = SCAN.read(direction, text, start, end);
  }

  head(direction: Direction, bytes: Uint8Array): Framing | undefined {
    if (this.#scan(direction, scannedCopy(bytes), 0, bytes.length) <= 0) return undefined;
    this.#end = bytes.length;
    this.heads++;
    const framing = direction === TO_SERVER ? this.#request() : this.#response();
    // A long one has memory of its own, which each of many flows would keep until its next head.
    this.#text = NO_TEXT;
    return framing;
  }

  body(direction: Direction, bytes: Uint8Array): void {
    this.#context.log.body(this.#row(direction), direction, bytes, 0, bytes.length, this.#timeNs);
  }

  trailer(direction: Direction, line: string): void {
    const before = this.#trailers(direction);
    if (before.length < MAX_TRAILERS) this.#setTrailers(direction, `${before}${line}\r\n`);
  }

  messageEnd(direction: Direction): void {
    const { log } = this.#context;
    const row = this.#row(direction);
    const trailers = this.#trailers(direction);
    if (trailers !== "") {
      const bytes = encoder.encode(trailers);
      log.trailers(row, direction, bytes, 0, bytes.length);
      this.#setTrailers(direction, "");
    }
    if (direction === TO_SERVER) this.#requestRow = -1;
    else this.#responseRow = -1;
    const mark = direction === TO_SERVER ? Mark.REQUEST_ENDED : Mark.RESPONSE_ENDED;
    log.messageEnd(row, mark, this.#timeNs);
  }

  bodyGap(direction: Direction, lengthBytes: number): void {
    this.#context.log.bodyGap(this.#row(direction), direction, lengthBytes);
  }

  lost(direction: Direction, why: "gap" | "malformed"): void {
    const { log } = this.#context;
    const row = this.#row(direction);
    log.cut(row, why);
    this.#setTrailers(direction, "");
    if (row >= 0) this.messageEnd(direction);
  }

  tunnel(direction: Direction, bytes: Uint8Array): void {
    const row = this.#responseRow;
    this.#context.log.body(row, direction, bytes, 0, bytes.length, this.#timeNs);
    this.#webSocket?.data(direction, bytes, this.#timeNs);
  }

  #request(): Framing {
    const { log, flowAt } = this.#context;
    const half = this.#toServer;
    if (this.#toClient.isLost) this.#giveUpWaiting("gap");
    else if (this.#waiting.count >= MAX_WAITING) this.#giveUpWaiting("bound");
    const protocol = SCAN.isHttp10 ? Protocol.HTTP_1_0 : Protocol.HTTP_1_1;
    const row = log.begin(RowKind.EXCHANGE, protocol, flowAt(), half.beganNs);
    log.requestHead(row, this.#text, this.#start, this.#end);
    if (half.isResynced) log.mark(row, Mark.RESYNCED);
    if (SCAN.isAmbiguous) log.mark(row, Mark.AMBIGUOUS);
    this.#requestRow = row;
    this.#waiting.add(row, SCAN.method);
    return SCAN.isChunked ? Framing.CHUNKED : Math.max(0, SCAN.contentLength);
  }

  #half(direction: Direction): Http1Half {
    return direction === TO_SERVER ? this.#toServer : this.#toClient;
  }

  #row(direction: Direction): number {
    return direction === TO_SERVER ? this.#requestRow : this.#responseRow;
  }

  #trailers(direction: Direction): string {
    return direction === TO_SERVER ? this.#requestTrailers : this.#responseTrailers;
  }

  #setTrailers(direction: Direction, trailers: string): void {
    if (direction === TO_SERVER) this.#requestTrailers = trailers;
    else this.#responseTrailers = trailers;
  }

  /** Nothing more comes of the exchanges that are open. */
  #giveUp(why: Cut): void {
    this.#endRows(new Set([this.#requestRow, this.#responseRow, ...this.#waiting.takeAll()]), why);
    this.#requestRow = this.#responseRow = -1;
  }

  /** Their responses are not to be told from later ones. */
  #giveUpWaiting(why: "gap" | "bound"): void {
    this.#endRows(this.#waiting.takeAll(), why);
  }

  #endRows(rows: Iterable<number>, why: Cut): void {
    const { log } = this.#context;
    for (const row of rows) {
      if (why !== "") log.cut(row, why);
      log.end(row, this.#timeNs);
    }
  }

  #response(): Framing {
    const { status } = SCAN;
    if (status < 200 && status !== 101) return 0;
    const { log } = this.#context;
    const half = this.#toClient;
    const method = this.#waiting.nextMethod;
    const row = this.#waiting.count > 0 ? this.#waiting.take() : this.#beginUnasked(status);
    if (!log.hasMark(row, Mark.REQUEST_ENDED) && this.#requestRow !== row) {
      log.mark(row, Mark.NO_REQUEST | Mark.REQUEST_ENDED);
      if (this.#toServer.isLostByGap) log.cut(row, "gap");
    }
    log.responseHead(row, status, this.#text, this.#start, this.#end, half.beganNs);
    if (half.isResynced) log.mark(row, Mark.RESYNCED);
    if (SCAN.isAmbiguous) log.mark(row, Mark.AMBIGUOUS);
    this.#responseRow = row;
    if (status === 101 || method === MethodKind.CONNECT && status < 300) {
      this.#beginTunnel();
      return Framing.OPAQUE;
    }
    if (method === MethodKind.HEAD || status === 204 || status === 304) return 0;
    if (SCAN.isChunked) return Framing.CHUNKED;
    return SCAN.contentLength >= 0 ? SCAN.contentLength : Framing.UNTIL_END;
  }

  /** A response whose request was not read; -1 where that was passed over, and counted so, but of a tunnel all is told. */
  #beginUnasked(status: number): number {
    if (this.#toServer.isPassedOver && status !== 101) return -1;
    const { log, flowAt } = this.#context;
    return log.begin(RowKind.EXCHANGE, Protocol.HTTP_1_1, flowAt(), this.#toClient.beganNs);
  }

  #beginTunnel(): void {
    this.#isTunnel = true;
    const { extensionsStart: start, extensionsEnd: end } = SCAN;
    if (SCAN.upgradesToWebSocket) {
      const value = start < 0 ? NOTHING : this.#text.bytes.slice(start, end);
      const extensions = new TextDecoder().decode(value).toLowerCase();
      this.#webSocket = new WebSocketView(this.#context, agreedDeflate(extensions));
    }
    this.#toServer.makeTunnel();
    this.#toClient.makeTunnel();
  }
}
