// SPDX-License-Identifier: MIT
/** What decoding may cost: bytes for a message and a flow, decoders over all flows. @module */
import type { DecodeOptions } from "./options.ts";

/** Bytes beyond the ratio that are left to a flow, over all its connections. */
export class FlowBudget {
  constructor(public extraBytes: number) {}
}

/** What one message may decode to. All layers of its codings count, since each costs time. */
export class MessageBudget {
  #encodedBytes = 0;
  #decodedBytes = 0;
  /** Taken from the flow. */
  #extraBytes = 0;

  constructor(readonly flow: FlowBudget, readonly options: DecodeOptions) {}

  received(lengthBytes: number): void {
    this.#encodedBytes += lengthBytes;
  }

  /** Takes so many decoded bytes; the bound that they pass, or nothing. */
  take(lengthBytes: number): "" | "size" | "ratio" {
    const { ratio, maxMessageBytes } = this.options;
    const decoded = this.#decodedBytes + lengthBytes;
    if (decoded > maxMessageBytes) return "size";
    const more = decoded - ratio * this.#encodedBytes - this.#extraBytes;
    if (more > this.flow.extraBytes) return "ratio";
    if (more > 0) {
      this.flow.extraBytes -= more;
      this.#extraBytes += more;
    }
    this.#decodedBytes = decoded;
    return "";
  }
}

/** Something that has a decoder open. */
export interface DecoderHolder {
  /** Must close its decoder and not write: another flow is being served. */
  evict(): void;
}

/** The decoders of all flows: where there are too many, the flow with most of them loses its oldest. */
export class DecoderPool {
  readonly #holders = new Map<FlowBudget, Set<DecoderHolder>>();
  #open = 0;

  constructor(readonly maxOpen: number) {}

  add(flow: FlowBudget, holder: DecoderHolder): void {
    let holders = this.#holders.get(flow);
    if (holders === undefined) this.#holders.set(flow, holders = new Set());
    if (this.#open >= this.maxOpen) this.#evictOne();
    holders.add(holder);
    this.#open++;
  }

  remove(flow: FlowBudget, holder: DecoderHolder): void {
    const holders = this.#holders.get(flow);
    if (!holders?.delete(holder)) return;
    this.#open--;
    if (holders.size === 0) this.#holders.delete(flow);
  }

  get size(): number {
    return this.#open;
  }

  #evictOne(): void {
    let most: Set<DecoderHolder> | undefined;
    for (const holders of this.#holders.values()) {
      if (most === undefined || holders.size > most.size) most = holders;
    }
    most?.values().next().value?.evict();
  }
}
