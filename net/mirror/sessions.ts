// SPDX-License-Identifier: MIT
/**
 * Sessions by their client random: those that are mirrored, and those that were, so that a session is told once also when
 * one telling comes after the other has ended.
 *
 * @module
 */
import type { EndedSession, Flow } from "./flow.ts";

/** How long an ended session is remembered: an agent that was stopped for a minute reads the rings of its programs one by one. */
const REMEMBERED_NS = 120e9;
/**
 * Ended sessions remembered. A ring has 65,472 slots, three for the shortest session: as many sessions end before the next ring has its
 * turn, of three rings. Each takes some 250 bytes, 16 MB together.
 */
const REMEMBERED_MAX = 65_536;

export class Sessions {
  readonly #open = new Map<string, Flow>();
  readonly #ended = new Map<string, EndedSession>();

  /** The flow that a session of this random goes to. */
  open(clientRandom: string): Flow | undefined {
    return this.#open.get(clientRandom);
  }

  /** The session of this random, when its flow has ended lately. */
  ended(clientRandom: string): EndedSession | undefined {
    return this.#ended.get(clientRandom);
  }

  add(flow: Flow): void {
    const { clientRandom } = flow.info;
    if (clientRandom === "") return;
    this.#open.set(clientRandom, flow);
    this.#ended.delete(clientRandom);
  }

  /** The flow stands for its session no longer; another telling gets its own. */
  remove(flow: Flow): void {
    if (this.#open.get(flow.info.clientRandom) === flow) this.#open.delete(flow.info.clientRandom);
  }

  /** The flow has ended. */
  end(flow: Flow, isComplete: boolean, timeNs: number): void {
    const { clientRandom } = flow.info;
    if (this.#open.get(clientRandom) !== flow) return;
    this.#open.delete(clientRandom);
    const { claim, offsets } = flow;
    this.#ended.set(clientRandom, { claim, offsets: [...offsets], isComplete, endedNs: timeNs });
    if (this.#ended.size > REMEMBERED_MAX) this.#ended.delete(this.#ended.keys().next().value!);
  }

  /** Forgets what ended long ago. */
  tick(timeNs: number): void {
    for (const [clientRandom, { endedNs }] of this.#ended) {
      if (timeNs - endedNs < REMEMBERED_NS) return;
      this.#ended.delete(clientRandom);
    }
  }
}
