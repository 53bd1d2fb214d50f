// SPDX-License-Identifier: MIT
/**
 * Lane 0: finished exchanges, one strictly after the other, on connections short enough to be inspected as a whole.
 *
 * @module
 */
import type { CodecOutput } from "../codec.ts";
import { TO_CLIENT, TO_SERVER } from "../direction.ts";
import type { Message } from "../http1/message.ts";
import type { MessageWriter } from "../http1/message_writer.ts";
import type { Exchange } from "./exchange.ts";
import type { LanePolicy } from "./options.ts";

/**
 * Warnings of Suricata's HTTP parser that one connection may earn: at 512 it raises an event and tells of no more. Each
 * repeated field is one, and so is a `Host` whose port is not the packets'; the rest is left for what is not foreseen.
 */
const MAX_WARNINGS = 400;

/**
 * ```
 * UNUSED ──exchange──▶ OPEN ◀──exchange──▶ CLOSED
 *    └──────raw──────▶ RAW      close
 * ```
 */
const State = {
  /** Nothing was ever written. */
  UNUSED: 0,
  OPEN: 1,
  CLOSED: 2,
  /** It carries the flow's bytes as they are: no exchange may go there. */
  RAW: 3,
} as const;
type State = typeof State[keyof typeof State];

export class SharedLane {
  #state: State = State.UNUSED;
  /** Bytes of the connection so far, by direction. */
  readonly #bytes: [toServer: number, toClient: number] = [0, 0];
  /** Warnings that the connection may have earned. */
  #warnings = 0;
  /** Something was written since the clock was last looked at. */
  #isFresh = false;
  /** When it was last found written to. */
  #writtenNs = 0;

  constructor(
    readonly output: CodecOutput,
    readonly policy: LanePolicy,
    readonly writer: MessageWriter,
  ) {}

  get isRaw(): boolean {
    return this.#state === State.RAW;
  }

  /** Gives the lane to the flow's bytes as they are; false when an exchange was there before. */
  makeRaw(): boolean {
    if (this.#state !== State.UNUSED) return false;
    this.#state = State.RAW;
    return true;
  }

  /** Writes a whole exchange, on a new connection before a direction passes the inspection depth. */
  write({ request, response }: Exchange, isUnanswered: boolean): void {
    const { output, writer } = this;
    const bytes = this.#bytes;
    const toServer = writtenBytes(request);
    const toClient = writtenBytes(response);
    const warnings = 1 + request.facts.repeatedFields + response.facts.repeatedFields;
    const depth = this.policy.reopenAfterBytes;
    const isTooLong = depth > 0 &&
      (bytes[TO_SERVER] + toServer > depth || bytes[TO_CLIENT] + toClient > depth);
    if (isTooLong || this.#warnings + warnings > MAX_WARNINGS) this.close("fin");
    this.#state = State.OPEN;
    this.#isFresh = true;
    this.#warnings += warnings;
    bytes[TO_SERVER] += toServer;
    bytes[TO_CLIENT] += toClient;
    writer.writeWhole(request, output, 0);
    if (isUnanswered) {
      output.count("exchange-without-response");
      // A later response would be taken for this request's.
      return this.close("reset");
    }
    writer.writeWhole(response, output, 0);
  }

  /** Makes room for a connection that the caller writes and closes. */
  vacate(): void {
    this.close("fin");
    this.#state = State.CLOSED;
  }

  /** Closes the connection when it has carried no exchange for long. */
  age(timeNs: number): void {
    const { closeAfterNs } = this.policy;
    if (this.#isFresh) {
      this.#isFresh = false;
      this.#writtenNs = timeNs;
    } else if (closeAfterNs > 0 && timeNs - this.#writtenNs >= closeAfterNs) this.close("fin");
  }

  /** Closes the connection, where one is open. */
  close(how: "fin" | "reset"): void {
    if (this.#state !== State.OPEN) return;
    this.output.close(0, how);
    this.#state = State.CLOSED;
    this.#bytes[TO_SERVER] = this.#bytes[TO_CLIENT] = this.#warnings = 0;
  }
}

/** At most what the message takes on the lane: framing and chunk heads included. */
function writtenBytes(message: Message): number {
  return message.headLength + message.sizeBytes + (message.sizeBytes >> 10) + 512 +
    (message.trailers?.length ?? 0);
}
