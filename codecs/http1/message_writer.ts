// SPDX-License-Identifier: MIT
/** Writes messages to lanes: head, framing, body, end. @module */
import type { CodecOutput, Lane } from "../codec.ts";
import { TO_CLIENT } from "../direction.ts";
import { BytePool } from "./byte_pool.ts";
import { ByteWriter } from "./byte_writer.ts";
import { CRLF, partialLine } from "./field_lines.ts";
import { LENGTH_ABSENT } from "./field_value.ts";
import { BodyRule, type Message, MessageState } from "./message.ts";

/** Body joined into one chunk, and written at once, at most. */
export const MAX_CHUNK_BYTES = 16 * 1024;

/** Body that is written together with its head, at most. */
const MAX_JOINED_BYTES = 4 * MAX_CHUNK_BYTES;

/** One serves all flows: it keeps nothing between calls. */
export class MessageWriter {
  /** Where the messages' heads and bodies wait. */
  readonly pool = new BytePool();
  readonly #out = new ByteWriter(2 * MAX_CHUNK_BYTES);

  /** Writes an ended message from its head to its end. */
  writeWhole(message: Message, output: CodecOutput, lane: Lane): void {
    const out = this.#start(message);
    const size = message.sizeBytes;
    const { facts, trailers, gaps, bodyRule } = message;
    const cut = message.partial !== "";
    const chunked = bodyRule === BodyRule.ANY
      ? gaps.length === 0 && (cut || trailers !== undefined)
      : size > 0;
    if (gaps.length > 0) {
      // A gap has no place inside chunks: with the length known, what would be trailers goes to the head.
      out.ascii(partialLine(message.partial || "gap"));
      if (trailers !== undefined) out.copy(trailers, 0, trailers.length);
    }
    if (bodyRule !== BodyRule.ANY && !chunked) {
      if (bodyRule === BodyRule.OF_HEAD && facts.declaredLength >= 0) {
        writeContentLength(out, facts.declaredLength);
      } else out.ascii(facts.claim);
      out.ascii(CRLF);
    } else if (chunked) {
      if (facts.declaredLength !== size) out.ascii(facts.claim);
      out.ascii("Transfer-Encoding: chunked\r\n\r\n");
    } else {
      if (facts.declaredLength !== size) out.ascii(facts.claim);
      if (size > 0 || message.direction === TO_CLIENT || facts.declaredLength !== LENGTH_ABSENT) {
        writeContentLength(out, size);
      }
      out.ascii(CRLF);
    }
    if (chunked) {
      message.state = MessageState.CHUNKED;
      this.#body(message, output, lane);
      // A gap has ended it already.
      if (!message.isDone) this.#lastChunk(message);
    } else if (gaps.length === 0 && size <= MAX_JOINED_BYTES) {
      out.copy(message.body, 0, message.bodyLength);
    } else {
      this.#flush(message, output, lane);
      message.state = MessageState.OPAQUE;
      this.#body(message, output, lane);
    }
    this.#flush(message, output, lane);
    message.state = MessageState.DONE;
    message.discard(this.pool);
  }

  /**
   * Writes what there is of a message that goes on: the head, when its framing can be told, then the body at hand, and
   * the end when it has ended. Returns how many bytes had no place.
   */
  writeAvailable(message: Message, output: CodecOutput, lane: Lane): number {
    if (message.isDone) {
      const lost = message.sizeBytes;
      message.releaseBody(this.pool);
      return lost;
    }
    if (message.state === MessageState.UNWRITTEN) {
      if (!message.hasHead) return 0;
      if (message.ended) {
        this.writeWhole(message, output, lane);
        return 0;
      }
      if (message.bodyRule !== BodyRule.ANY && message.sizeBytes === 0) return 0;
      this.#startStreaming(message);
    } else {
      this.#out.length = 0;
    }
    let lost = this.#body(message, output, lane);
    if (message.ended && !message.isDone) this.#end(message);
    this.#flush(message, output, lane);
    if (message.isDone) {
      lost += message.sizeBytes;
      message.discard(this.pool);
    }
    return lost;
  }

  /** Whether bytes of the body can go to the lane without being joined with others. */
  passes(message: Message): boolean {
    return message.bodyLength === 0 && message.gaps.length === 0 &&
      (message.state === MessageState.LENGTH || message.state === MessageState.OPAQUE);
  }

  /** Writes body bytes for which {@linkcode passes} holds; returns how many had no place. */
  pass(message: Message, output: CodecOutput, lane: Lane, bytes: Uint8Array): number {
    message.arrivedBytes += bytes.length;
    if (message.state === MessageState.OPAQUE) {
      output.write(lane, message.direction, bytes);
      return 0;
    }
    const length = Math.min(bytes.length, message.remaining);
    message.remaining -= length;
    if (length > 0) {
      output.write(lane, message.direction, length === bytes.length ? bytes : bytes.subarray(0, length));
    }
    return bytes.length - length;
  }

  /** Writes the head of a tunnel's request or accepting response, once; what follows in that direction is opaque. */
  startTunnel(message: Message, output: CodecOutput, lane: Lane): void {
    if (message.head === undefined) return;
    const out = this.#start(message);
    if (message.facts.claim !== "") out.ascii(message.facts.claim);
    out.ascii(CRLF);
    message.state = MessageState.OPAQUE;
    this.#flush(message, output, lane);
  }

  /** Writes no more than the head of a tunnel's request that was refused; returns how many bytes had no place. */
  refuseTunnel(message: Message, output: CodecOutput, lane: Lane): number {
    this.startTunnel(message, output, lane);
    message.state = MessageState.DONE;
    return this.writeAvailable(message, output, lane);
  }

  /** Moves the head to the buffer. */
  #start(message: Message): ByteWriter {
    const out = this.#out;
    out.length = 0;
    const head = message.head!;
    out.copy(head, 0, message.headLength);
    message.head = undefined;
    this.pool.give(head);
    return out;
  }

  #startStreaming(message: Message): void {
    const out = this.#start(message);
    const { facts } = message;
    // Behind `Expect`, Suricata takes a declared body of which nothing came before a 4xx for the next request.
    const mayDeclare = message.bodyRule === BodyRule.ANY && !facts.expects && message.trailers === undefined;
    if (mayDeclare && facts.declaredLength >= message.sizeBytes) {
      writeContentLength(out, facts.declaredLength);
      out.ascii(CRLF);
      message.state = MessageState.LENGTH;
      message.remaining = facts.declaredLength;
    } else {
      out.ascii(facts.claim);
      out.ascii("Transfer-Encoding: chunked\r\n\r\n");
      message.state = MessageState.CHUNKED;
    }
  }

  #flush(message: Message, output: CodecOutput, lane: Lane): void {
    if (this.#out.length > 0) output.write(lane, message.direction, this.#out.view());
    this.#out.length = 0;
  }

  /** Writes the body at hand; returns how many bytes had no place. */
  #body(message: Message, output: CodecOutput, lane: Lane): number {
    const { bodyLength, gaps } = message;
    let at = 0, lost = 0;
    for (const gap of gaps) {
      lost += this.#bytes(message, output, lane, at, gap.at);
      at = gap.at;
      if (message.state === MessageState.CHUNKED) {
        // The place of what follows is known but cannot be told in chunks: the message ends here.
        message.partial = "gap";
        message.trailers = undefined;
        lost += bodyLength - at;
        at = bodyLength;
        this.#lastChunk(message);
        message.state = MessageState.DONE;
        break;
      }
      const length = message.state === MessageState.LENGTH
        ? Math.min(gap.lengthBytes, message.remaining)
        : gap.lengthBytes;
      this.#flush(message, output, lane);
      if (length > 0) output.gap(lane, message.direction, length);
      message.remaining -= length;
    }
    lost += this.#bytes(message, output, lane, at, bodyLength);
    message.releaseBody(this.pool);
    return lost;
  }

  /** Writes `[start, end)` of the body at hand; returns how many bytes had no place. */
  #bytes(message: Message, output: CodecOutput, lane: Lane, start: number, end: number): number {
    let lost = 0;
    if (message.state === MessageState.LENGTH) {
      lost = Math.max(0, end - start - message.remaining);
      end -= lost;
      message.remaining -= end - start;
    }
    const chunked = message.state === MessageState.CHUNKED;
    const out = this.#out;
    for (let at = start; at < end; at += MAX_CHUNK_BYTES) {
      const pieceEnd = Math.min(end, at + MAX_CHUNK_BYTES);
      if (chunked) out.ascii((pieceEnd - at).toString(16) + CRLF);
      out.copy(message.body, at, pieceEnd);
      if (chunked) out.ascii(CRLF);
      if (out.length >= MAX_CHUNK_BYTES) this.#flush(message, output, lane);
    }
    return lost;
  }

  /** The end of a message that was written as it came. */
  #end(message: Message): void {
    if (message.state === MessageState.CHUNKED) this.#lastChunk(message);
    const isShort = message.state === MessageState.LENGTH && message.remaining > 0;
    message.state = isShort ? MessageState.SHORT : MessageState.DONE;
  }

  #lastChunk(message: Message): void {
    const out = this.#out;
    out.ascii("0\r\n");
    if (message.trailers !== undefined) out.copy(message.trailers, 0, message.trailers.length);
    if (message.partial !== "") out.ascii(partialLine(message.partial));
    out.ascii(CRLF);
  }
}

/** In three parts, since a text that is put together must be laid out before its letters can be read. */
function writeContentLength(out: ByteWriter, lengthBytes: number): void {
  out.ascii("Content-Length: ");
  out.ascii(String(lengthBytes));
  out.ascii(CRLF);
}
