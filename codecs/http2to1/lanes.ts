// SPDX-License-Identifier: MIT
/**
 * Which exchange is written when and on which lane.
 *
 * Lane 0 carries finished exchanges, one strictly after the other, on connections short enough to be inspected as a
 * whole. What takes too long, grows too large or could spoil a connection for others goes to a lane of its own.
 *
 * @module
 */
import type { CodecOutput, Lane } from "../codec.ts";
import type { Partial } from "../http/event.ts";
import type { Message, MessageWriter } from "../http1/message.ts";
import { type Exchange, WAITING } from "./exchange.ts";
import type { LanePolicy } from "./options.ts";

/**
 * Warnings of Suricata's HTTP parser that one connection may earn: at 512 it raises an event and tells of no more. Each
 * repeated field is one, and so is a `Host` whose port is not the packets'; the rest is left for what is not foreseen.
 */
const MAX_WARNINGS = 400;

const SECOND_NS = 1_000_000_000;

export class Lanes {
  /** Exchanges of which nothing is written, oldest first. */
  readonly waiting = new Set<Exchange>();
  /** The same whose request was reset and of whose response nothing has come: they get no lane of their own. */
  readonly #suspended = new Set<Exchange>();
  heldBytes = 0;
  /** Anything was ever written to lane 0. */
  used = false;
  /** Lane 0 carries the flow's bytes as they are: no exchange may go there. */
  rawShared = false;
  #open = false;
  /** Bytes on lane 0 since it was opened, by direction. */
  readonly #laneBytes: [number, number] = [0, 0];
  /** The same of what its parser may warn of. */
  #laneWarnings = 0;
  /** When lane 0 was last found written to. */
  #writtenNs = 0;
  #isWritten = false;
  #ownLanes = 0;
  /** Requests without a response that were told in the second from then on. */
  #unanswered = 0;
  #unansweredNs = -Infinity;
  readonly #dirty: Exchange[] = [];

  constructor(readonly output: CodecOutput, readonly policy: LanePolicy, readonly writer: MessageWriter) {}

  add(exchange: Exchange, heldBytes: number): void {
    this.waiting.add(exchange);
    this.hold(exchange, heldBytes);
  }

  /** Counts bytes that an exchange keeps, and makes room when the flow has too many. */
  hold(exchange: Exchange, lengthBytes: number): void {
    exchange.heldBytes += lengthBytes;
    this.heldBytes += lengthBytes;
    if (exchange.lane === WAITING && exchange.contentBytes > this.policy.streamAfterBytes) {
      this.beginOrLose(exchange, "long exchange");
    }
    while (this.heldBytes > this.policy.maxWaitingBytes && this.#suspended.size > 0) {
      this.#cut(this.#suspended.values().next().value!, "reset");
    }
    while (this.heldBytes > this.policy.maxWaitingBytes && this.waiting.size > 0) {
      this.beginOrLose(this.waiting.values().next().value!, "waiting exchanges over the bound");
    }
  }

  /** Whether so many bytes more would pass the bound with nothing waiting that could give way. */
  isFull(lengthBytes: number): boolean {
    return this.waiting.size + this.#suspended.size === 0 &&
      this.heldBytes + lengthBytes > this.policy.maxWaitingBytes;
  }

  /** The exchange may still be answered, but no lane waits for that. */
  suspend(exchange: Exchange): void {
    if (this.waiting.delete(exchange)) this.#suspended.add(exchange);
  }

  /** It is answered. */
  resume(exchange: Exchange): void {
    if (this.#suspended.delete(exchange)) this.waiting.add(exchange);
  }

  /** Lets exchanges begin that have waited for too long, and closes lane 0 when none came for long. */
  age(timeNs: number): void {
    if (timeNs - this.#unansweredNs >= SECOND_NS) {
      this.#unansweredNs = timeNs;
      this.#unanswered = 0;
    }
    if (this.#isWritten) {
      this.#isWritten = false;
      this.#writtenNs = timeNs;
    } else if (
      this.#open && this.policy.closeAfterNs > 0 && timeNs - this.#writtenNs >= this.policy.closeAfterNs
    ) {
      this.#closeShared("fin");
    }
    for (const exchange of this.waiting) {
      if (exchange.openedNs + this.policy.streamAfterNs > timeNs) return;
      if (!this.hasRoom) return;
      this.begin(exchange, "long exchange");
    }
  }

  /** The same, or, when the flow has too many lanes, writes it cut off where it is. */
  beginOrLose(exchange: Exchange, why: string): void {
    if (this.hasRoom) return this.begin(exchange, why);
    this.output.count("exchange-over-bound");
    this.#cut(exchange, "bound");
  }

  #cut(exchange: Exchange, why: Partial): void {
    for (const message of [exchange.request, exchange.response]) {
      if (!message.ended) message.partial ||= why;
      message.ended = true;
    }
    this.settle(exchange);
  }

  /** Gives a waiting exchange a lane of its own and writes what there is. */
  begin(exchange: Exchange, why: string): void {
    this.waiting.delete(exchange);
    exchange.lane = this.#openFor(exchange, why);
    this.advance(exchange);
  }

  #openFor(exchange: Exchange, why: string): Lane {
    return this.openOwn(`stream ${exchange.streamId}, ${why}`);
  }

  /** Whether another lane may be opened. */
  get hasRoom(): boolean {
    return this.#ownLanes < this.policy.maxLanes;
  }

  openOwn(comment: string): Lane {
    this.#ownLanes++;
    return this.output.openLane(`http2to1: ${comment}`);
  }

  closeOwn(lane: Lane, how: "fin" | "reset"): void {
    this.#ownLanes--;
    this.output.close(lane, how);
  }

  /** Writes the exchange at the end of the call, with what else comes until then. */
  touch(exchange: Exchange): void {
    if (exchange.dirty) return;
    exchange.dirty = true;
    this.#dirty.push(exchange);
  }

  /** The end of a call: writes what was joined during it. */
  flush(): void {
    for (const exchange of this.#dirty) {
      exchange.dirty = false;
      if (!exchange.closed) this.advance(exchange);
    }
    this.#dirty.length = 0;
  }

  /** Writes what an exchange on its own lane has, and closes the lane behind its end. */
  advance(exchange: Exchange): void {
    this.#write(exchange, exchange.lane);
    this.#unhold(exchange);
    if (exchange.request.ended && exchange.response.ended) this.#endOwn(exchange);
  }

  /** Writes what there is to a lane that nothing else is on. */
  #write(exchange: Exchange, lane: Lane): void {
    const { request, response } = exchange;
    const { writer, output } = this;
    if (exchange.undecidedTunnel) {
      if (request.head !== undefined) writer.startTunnel(request, output, lane);
    } else if (exchange.tunnel) {
      if (request.head !== undefined) writer.startTunnel(request, output, lane);
      if (response.head !== undefined) writer.startTunnel(response, output, lane);
      writer.advance(request, output, lane);
      writer.advance(response, output, lane);
    } else if (exchange.kind === "connect" || exchange.kind === "upgrade") {
      if (request.head !== undefined) writer.startTunnel(request, output, lane);
      request.done = true;
      this.#excess(writer.advance(request, output, lane), "tunnel-bytes-refused");
      this.#excess(writer.advance(response, output, lane), "body-over-length-bytes");
    } else {
      if (request.hasHead) this.#excess(writer.advance(request, output, lane), "body-over-length-bytes");
      this.#excess(writer.advance(response, output, lane), "body-over-length-bytes");
    }
  }

  #excess(lengthBytes: number, reason: string): void {
    if (lengthBytes > 0) this.output.count(reason, lengthBytes);
  }

  /** What was written is held no more. */
  #unhold(exchange: Exchange): void {
    const { keptBytes } = exchange;
    this.heldBytes += keptBytes - exchange.heldBytes;
    exchange.heldBytes = keptBytes;
  }

  #endOwn(exchange: Exchange): void {
    this.closeOwn(exchange.lane, this.#endOf(exchange));
    this.finish(exchange);
  }

  /** How a connection ends that only this exchange was on. */
  #endOf(exchange: Exchange): "fin" | "reset" {
    const { request, response } = exchange;
    const unanswered = request.hasHead && !response.hasHead;
    if (unanswered) this.output.count("exchange-without-response");
    const reset = unanswered || request.short || response.short ||
      (exchange.tunnel && (request.partial === "reset" || response.partial === "reset"));
    return reset ? "reset" : "fin";
  }

  finish(exchange: Exchange): void {
    exchange.closed = true;
    this.waiting.delete(exchange);
    this.#suspended.delete(exchange);
    exchange.discard(this.writer.pool);
    this.#unhold(exchange);
    exchange.raw?.close("fin");
  }

  /** Both messages have ended: writes a waiting exchange whole, or the rest of one that has a lane. */
  settle(exchange: Exchange): void {
    const { request, response } = exchange;
    if (exchange.closed) return;
    if (exchange.lane !== WAITING) return this.advance(exchange);
    const unanswered = request.hasHead && !response.hasHead;
    if (unanswered && exchange.pushed) {
      this.output.count("push-unanswered");
    } else if (unanswered && ++this.#unanswered > this.policy.maxUnansweredPerSecond) {
      this.output.count("rapid-reset");
    } else if (!request.hasHead && response.hasHead) {
      exchange.lane = this.#openFor(exchange, "response without its request");
      return this.advance(exchange);
    } else if (request.hasHead) {
      const apart = exchange.apart || request.facts.apart || response.facts.apart ||
        (response.bodyless && response.sizeBytes > 0 ? "body where none may be" : "") ||
        (this.rawShared ? "exchange beside raw bytes" : "");
      if (apart !== "") {
        if (!this.hasRoom) return this.#writeAlone(exchange);
        this.waiting.delete(exchange);
        exchange.lane = this.#openFor(exchange, apart);
        return this.advance(exchange);
      }
      this.#writeShared(exchange, unanswered);
    }
    this.finish(exchange);
  }

  /** No other lane is left: writes the exchange to lane 0, on a connection that nothing else is on. */
  #writeAlone(exchange: Exchange): void {
    if (this.rawShared) this.output.count("exchange-over-bound");
    else {
      if (this.#open) this.#closeShared("fin");
      this.used = true;
      this.#write(exchange, 0);
      this.output.close(0, this.#endOf(exchange));
    }
    this.finish(exchange);
  }

  /** Rule of lane 0: whole exchanges, on a new connection before a direction passes the inspection depth. */
  #writeShared(exchange: Exchange, unanswered: boolean): void {
    const { request, response } = exchange;
    const { output, writer, policy } = this;
    const bytes = this.#laneBytes;
    const toServer = writtenBytes(request);
    const toClient = writtenBytes(response);
    const warnings = 1 + request.facts.repeatedFields + response.facts.repeatedFields;
    const isTooLong = policy.reopenAfterBytes > 0 &&
      (bytes[0] + toServer > policy.reopenAfterBytes || bytes[1] + toClient > policy.reopenAfterBytes);
    if (this.#open && (isTooLong || this.#laneWarnings + warnings > MAX_WARNINGS)) this.#closeShared("fin");
    this.#open = this.#isWritten = this.used = true;
    this.#laneWarnings += warnings;
    bytes[0] += toServer;
    bytes[1] += toClient;
    writer.writeWhole(request, output, 0);
    if (unanswered) {
      output.count("exchange-without-response");
      // A later response would be taken for this request's.
      return this.#closeShared("reset");
    }
    writer.writeWhole(response, output, 0);
  }

  #closeShared(how: "fin" | "reset"): void {
    this.output.close(0, how);
    this.#open = false;
    this.#laneBytes[0] = this.#laneBytes[1] = this.#laneWarnings = 0;
  }

  /** The flow has ended. */
  close(): void {
    if (this.#open) this.#closeShared("fin");
  }
}

/** At most what the message takes on the lane: framing and chunk heads included. */
function writtenBytes(message: Message): number {
  return message.headLength + message.sizeBytes + (message.sizeBytes >> 10) + 512 +
    (message.trailers?.length ?? 0);
}
