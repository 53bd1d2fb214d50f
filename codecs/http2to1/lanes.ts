// SPDX-License-Identifier: MIT
/**
 * Which exchange is written when and on which lane.
 *
 * Finished exchanges go to lane 0. What takes too long, grows too large or could spoil a connection for others goes to a lane
 * of its own.
 *
 * @module
 */
import type { CodecOutput, Lane } from "../codec.ts";
import type { Partial } from "../http/event.ts";
import { foldedLine } from "../http1/field_lines.ts";
import { BodyRule, MessageState } from "../http1/message.ts";
import type { MessageWriter } from "../http1/message_writer.ts";
import { BoundedOutput } from "./bounded_output.ts";
import { type Exchange, ExchangeState, Tunnel } from "./exchange.ts";
import { Folding } from "./folding.ts";
import type { LanePolicy } from "./options.ts";
import { SharedLane } from "./shared_lane.ts";

export class Lanes {
  /** Bytes that all exchanges of the flow keep. */
  heldBytes = 0;
  /** Lane 0. */
  readonly shared: SharedLane;
  /** The lanes of single exchanges. */
  readonly own: BoundedOutput;
  /** Exchanges of which nothing is written, oldest first. */
  readonly #waiting = new Set<Exchange>();
  /** Exchanges that were reset and may still be answered, in the order of their resets. */
  readonly #suspended = new Set<Exchange>();
  readonly #folding: Folding;
  readonly #dirty: Exchange[] = [];

  constructor(readonly output: CodecOutput, readonly policy: LanePolicy, readonly writer: MessageWriter) {
    this.shared = new SharedLane(output, policy, writer);
    this.own = new BoundedOutput(output, policy.maxLanes);
    this.#folding = new Folding(policy, {
      tell: (exchange, times) => this.#tellFolded(exchange, times),
      folded: (exchange) => {
        output.count("folded-request");
        this.#finish(exchange);
      },
    });
  }

  // What waits

  /** The first head of an exchange has come. */
  add(exchange: Exchange, heldBytes: number): void {
    exchange.state = ExchangeState.WAITING;
    this.#waiting.add(exchange);
    this.hold(exchange, heldBytes);
  }

  /** Counts bytes that an exchange keeps, and makes room when the flow has too many. */
  hold(exchange: Exchange, lengthBytes: number): void {
    exchange.heldBytes += lengthBytes;
    this.heldBytes += lengthBytes;
    if (!exchange.hasLane && exchange.contentBytes > this.policy.streamAfterBytes) {
      this.beginOrLose(exchange, "long exchange");
    }
    while (this.heldBytes > this.policy.maxWaitingBytes && this.#suspended.size > 0) {
      this.#cut(this.#suspended.values().next().value!, "reset");
    }
    while (this.heldBytes > this.policy.maxWaitingBytes && this.#waiting.size > 0) {
      this.beginOrLose(this.#waiting.values().next().value!, "waiting exchanges over the bound");
    }
  }

  /** Lets so many bytes go: first what was reset, then what waits, the oldest first. */
  giveWay(lengthBytes: number): void {
    const target = this.heldBytes - lengthBytes;
    while (this.heldBytes > target && this.#suspended.size > 0) {
      this.#cut(this.#suspended.values().next().value!, "reset");
    }
    this.#folding.flush();
    while (this.heldBytes > target && this.#waiting.size > 0) {
      this.beginOrLose(this.#waiting.values().next().value!, "memory of all flows over the bound");
    }
  }

  /** Whether so many bytes more would pass the bound with nothing waiting that could give way. */
  isFull(lengthBytes: number): boolean {
    return this.#waiting.size + this.#suspended.size === 0 &&
      this.heldBytes + lengthBytes > this.policy.maxWaitingBytes;
  }

  /** The exchange may still be answered, but no lane waits for that. */
  suspend(exchange: Exchange): void {
    if (exchange.state !== ExchangeState.WAITING) return;
    exchange.state = ExchangeState.SUSPENDED;
    this.#waiting.delete(exchange);
    this.#suspended.add(exchange);
  }

  /** It is answered. */
  resume(exchange: Exchange): void {
    if (exchange.state !== ExchangeState.SUSPENDED) return;
    exchange.state = ExchangeState.WAITING;
    this.#suspended.delete(exchange);
    this.#waiting.add(exchange);
  }

  /** Lets exchanges begin that have waited for too long, and closes lane 0 when none came for long. */
  age(timeNs: number): void {
    this.#folding.age(timeNs);
    this.shared.age(timeNs);
    for (const exchange of this.#waiting) {
      if (exchange.openedNs + this.policy.streamAfterNs > timeNs) return;
      if (exchange.isWhole) this.#end(exchange);
      else if (!this.own.hasRoom) return;
      else this.#begin(exchange, "long exchange");
    }
  }

  // Lanes of single exchanges

  /** Gives a waiting exchange a lane of its own, or, when the flow has too many, writes it cut off where it is. */
  beginOrLose(exchange: Exchange, why: string): void {
    if (this.own.hasRoom) return this.#begin(exchange, why);
    this.output.count("exchange-over-bound");
    this.#cut(exchange, "bound");
  }

  #cut(exchange: Exchange, why: Partial): void {
    for (const message of [exchange.request, exchange.response]) {
      if (!exchange.hasWhole(message)) message.partial ||= why;
    }
    this.#end(exchange);
  }

  /** Nothing more of either message is waited for. */
  #end(exchange: Exchange): void {
    exchange.request.ended = exchange.response.ended = true;
    this.settle(exchange);
  }

  /** Gives a waiting exchange a lane of its own and writes what there is. */
  #begin(exchange: Exchange, why: string): void {
    this.#waiting.delete(exchange);
    exchange.state = ExchangeState.STREAMING;
    exchange.lane = this.own.open(`stream ${exchange.streamId}, ${why}`);
    this.writeOwn(exchange);
  }

  /** Writes the exchange at the end of the call, with what else comes until then. */
  writeLater(exchange: Exchange): void {
    if (exchange.state !== ExchangeState.STREAMING) return;
    exchange.state = ExchangeState.DIRTY;
    this.#dirty.push(exchange);
  }

  /** The end of a call: writes what was joined during it. */
  flush(): void {
    for (const exchange of this.#dirty) {
      if (exchange.state !== ExchangeState.DIRTY) continue;
      exchange.state = ExchangeState.STREAMING;
      this.writeOwn(exchange);
    }
    this.#dirty.length = 0;
  }

  /** Writes what an exchange on its own lane has, and closes the lane behind its end. */
  writeOwn(exchange: Exchange): void {
    this.#write(exchange, exchange.lane);
    this.#unhold(exchange);
    if (!exchange.hasEnded) return;
    this.own.close(exchange.lane, this.#howEnds(exchange));
    this.#finish(exchange);
  }

  /** Writes what there is to a lane that nothing else is on. */
  #write({ request, response, tunnel }: Exchange, lane: Lane): void {
    const { writer, output } = this;
    switch (tunnel) {
      case Tunnel.UNDECIDED:
        writer.startTunnel(request, output, lane);
        return;
      case Tunnel.OPEN:
        writer.startTunnel(request, output, lane);
        writer.startTunnel(response, output, lane);
        writer.writeAvailable(request, output, lane);
        writer.writeAvailable(response, output, lane);
        return;
      case Tunnel.REFUSED:
        this.#excess(writer.refuseTunnel(request, output, lane), "tunnel-bytes-refused");
        break;
      case Tunnel.NONE:
        this.#excess(writer.writeAvailable(request, output, lane), "body-over-length-bytes");
    }
    this.#excess(writer.writeAvailable(response, output, lane), "body-over-length-bytes");
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

  /** How a connection ends that only this exchange was on. */
  #howEnds(exchange: Exchange): "fin" | "reset" {
    const { request, response, isUnanswered } = exchange;
    if (isUnanswered) this.output.count("exchange-without-response");
    const isShort = request.state === MessageState.SHORT || response.state === MessageState.SHORT;
    const isResetTunnel = exchange.tunnel === Tunnel.OPEN &&
      (request.partial === "reset" || response.partial === "reset");
    return isUnanswered || isShort || isResetTunnel ? "reset" : "fin";
  }

  #finish(exchange: Exchange): void {
    exchange.state = ExchangeState.CLOSED;
    this.#waiting.delete(exchange);
    this.#suspended.delete(exchange);
    exchange.discard(this.writer.pool);
    this.#unhold(exchange);
    exchange.raw?.close("fin");
  }

  // The end of exchanges

  /** Both messages have ended: writes a waiting exchange whole, or the rest of one that has a lane. */
  settle(exchange: Exchange): void {
    const { request, response } = exchange;
    if (exchange.isClosed) return;
    if (exchange.hasLane) return this.writeOwn(exchange);
    if (exchange.isUnanswered && !exchange.pushed) return this.#fold(exchange);
    if (exchange.isUnanswered) this.output.count("push-unanswered");
    else if (request.hasHead) return exchange.isDear ? this.#fold(exchange) : this.#writeWhole(exchange);
    else if (response.hasHead) return this.#begin(exchange, "response without its request");
    this.#finish(exchange);
  }

  /** The exchange is written with all that are the same. */
  #fold(exchange: Exchange): void {
    this.#waiting.delete(exchange);
    this.#suspended.delete(exchange);
    exchange.state = ExchangeState.FOLDED;
    this.#folding.add(exchange);
  }

  #tellFolded(exchange: Exchange, times: number): void {
    if (times > 1) exchange.request.addLine(foldedLine(times), this.writer.pool);
    this.#writeWhole(exchange);
  }

  /** Writes an exchange that has ended, to lane 0 unless it must not be there. */
  #writeWhole(exchange: Exchange): void {
    const apart = this.#whyApart(exchange);
    if (apart !== "" && this.own.hasRoom) return this.#begin(exchange, apart);
    if (apart !== "") this.#writeAlone(exchange);
    else this.shared.write(exchange, exchange.isUnanswered);
    this.#finish(exchange);
  }

  /** Why the exchange must not go to lane 0 with others; empty when it may. */
  #whyApart({ apart, request, response }: Exchange): string {
    if (apart !== "") return apart;
    if (request.facts.apart !== "") return request.facts.apart;
    if (response.facts.apart !== "") return response.facts.apart;
    if (response.bodyRule !== BodyRule.ANY && response.sizeBytes > 0) return "body where none may be";
    return this.shared.isRaw ? "exchange beside raw bytes" : "";
  }

  /** No other lane is left: writes the exchange to lane 0, on a connection that nothing else is on. */
  #writeAlone(exchange: Exchange): void {
    if (this.shared.isRaw) return this.output.count("exchange-over-bound");
    this.shared.vacate();
    this.#write(exchange, 0);
    this.output.close(0, this.#howEnds(exchange));
  }

  /** The flow has ended. */
  close(): void {
    this.#folding.flush();
    this.shared.close("fin");
  }
}
