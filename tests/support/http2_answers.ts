// SPDX-License-Identifier: MIT
/** What a server makes of generated requests: answers of any kind, or none. @module */
import { HpackWriter } from "./hpack_writer.ts";
import { data, END_STREAM, join, literal, reset } from "./http2_frames.ts";
import { bodyFrames, type GeneratedRequest, headFrames } from "./http2_generator.ts";
import type { Random } from "./random.ts";

const OK = 0x88;
const NOT_FOUND = 0x8d;

/** Answers requests as they come. The last letter of a path says how: a with a length, b never, c without one. */
export class AnswerGenerator {
  readonly #writer = new HpackWriter();

  constructor(readonly random: Random) {}

  answer({ streamId, path }: GeneratedRequest): Uint8Array<ArrayBuffer> {
    const { random } = this;
    const how = path.at(-1);
    if (how === "b") return random.oneIn(4) ? reset(streamId) : join();
    const hint = random.oneIn(8) ? [headFrames(random, streamId, this.#hint(), 0)] : [];
    return join(...hint, ...how === "a" ? this.#declared(streamId) : this.#open(streamId));
  }

  #hint(): Uint8Array<ArrayBuffer> {
    return join(literal(":status", "103"), this.#writer.literal("link", "</hint>", this.random.oneIn(2)));
  }

  #head(...more: Uint8Array[]): Uint8Array<ArrayBuffer> {
    const { random } = this;
    const parts = [Uint8Array.of(random.oneIn(4) ? NOT_FOUND : OK), ...more];
    if (this.#writer.hasEntries && random.oneIn(2)) parts.push(this.#writer.reference(random, 1));
    if (random.oneIn(2)) parts.push(this.#writer.literal("etag", `"${random.below(1000)}"`, random.oneIn(2)));
    return join(...parts);
  }

  /** All that is declared comes; the stream ends with it, or by a reset. */
  #declared(streamId: number): Uint8Array[] {
    const { random } = this;
    const body = "d".repeat(random.below(60));
    const head = this.#head(literal("content-length", `${body.length}`));
    if (body === "") return [headFrames(random, streamId, head, END_STREAM)];
    const start = headFrames(random, streamId, head, 0);
    if (random.oneIn(2)) return [start, bodyFrames(random, streamId, body)];
    return [start, data(streamId, body), reset(streamId, 0)];
  }

  /** Nothing is declared; trailers may end it. */
  #open(streamId: number): Uint8Array[] {
    const { random } = this;
    const start = headFrames(random, streamId, this.#head(), 0);
    const body = "o".repeat(1 + random.below(60));
    if (random.oneIn(2)) return [start, bodyFrames(random, streamId, body)];
    const trailers = this.#writer.literal("grpc-status", "0", random.oneIn(2));
    return [start, data(streamId, body), headFrames(random, streamId, trailers, END_STREAM)];
  }
}
