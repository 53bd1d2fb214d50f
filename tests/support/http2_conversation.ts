// SPDX-License-Identifier: MIT
/** Generated connections with generated answers, several at a time, through a codec. @module */
import type { Codec } from "../../codecs/codec.ts";
import { CodecHarness } from "./codec_harness.ts";
import { AnswerGenerator } from "./http2_answers.ts";
import { join, serverStart } from "./http2_frames.ts";
import { generateConnection, type GeneratedConnection } from "./http2_generator.ts";
import { assertTold, assertWire, sentThrough } from "./http2_told.ts";
import type { Random } from "./random.ts";

/** Open at a time, so that what they share is shared. */
const AT_A_TIME = 8;

/** One connection, a step at a time. */
class Conversation {
  readonly #harness: CodecHarness;
  readonly #connection: GeneratedConnection;
  readonly #answers: AnswerGenerator;
  readonly #wire: [Uint8Array[], Uint8Array[]] = [[], []];
  /** Pieces that the client has sent, and the requests among them that the server has looked at. */
  #sent = 0;
  #answered = 0;

  constructor(readonly random: Random, name: string, codec: Codec) {
    this.#harness = new CodecHarness(codec);
    this.#connection = generateConnection(random, name);
    this.#answers = new AnswerGenerator(random);
  }

  /** Either side sends something; false when there is nothing more. */
  step(): boolean {
    const { pieces, requests } = this.#connection;
    const mayAnswer = this.#answered < this.#sent - 1;
    const maySend = this.#sent < pieces.length;
    if (!mayAnswer && !maySend) return false;
    if (maySend && (!mayAnswer || this.random.oneIn(2))) {
      this.#give(0, pieces[this.#sent++]);
      if (this.#sent === 1) this.#give(1, serverStart());
    } else this.#give(1, this.#answers.answer(requests[this.#answered++]));
    return true;
  }

  #give(direction: 0 | 1, bytes: Uint8Array): void {
    this.#wire[direction].push(bytes);
    const cut = this.random.oneIn(8) ? this.random.below(bytes.length + 1) : 0;
    if (cut > 0) this.#harness.data(direction, bytes.subarray(0, cut));
    if (cut < bytes.length) this.#harness.data(direction, bytes.subarray(cut));
  }

  /** Closes it and holds what was told against what was sent. `isRoomy`: the codec had memory for all of it. */
  check(isRoomy: boolean): void {
    const { requests } = this.#connection;
    const wire = [join(...this.#wire[0]), join(...this.#wire[1])] as const;
    const sent = sentThrough(this.#harness.end(), requests, wire[0].length + wire[1].length);
    assertTold([sent], requests.map(({ path }) => path));
    if (isRoomy) assertWire(sent, wire);
  }
}

/** So many connections, {@linkcode AT_A_TIME} at a time. */
export function converse(random: Random, count: number, codec: Codec, isRoomy = true): void {
  const open: Conversation[] = [];
  for (let begun = 0; begun < count || open.length > 0;) {
    while (begun < count && open.length < AT_A_TIME) {
      open.push(new Conversation(random, `c${begun++}`, codec));
    }
    const at = random.below(open.length);
    if (!open[at].step()) open.splice(at, 1)[0].check(isRoomy);
  }
}
