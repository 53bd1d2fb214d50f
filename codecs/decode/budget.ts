// SPDX-License-Identifier: MIT
/** What decoding may cost: bytes for a message and a flow, decoders and what they hold over all flows. @module */
import type { MemoryAccount, MemoryBudget } from "../memory_budget.ts";
import type { DecodeOptions } from "./options.ts";

/** What an IDS inspects of a body: no less must be left to one that is begun, unless the IDS cannot decode it itself. */
const INSPECTED_BYTES = 1024 * 1024;

/** Bytes beyond the ratio that are left to a flow, over all its connections. */
export class FlowBudget {
  readonly #lowBytes: number;

  constructor(public extraBytes: number) {
    this.#lowBytes = Math.min(INSPECTED_BYTES, extraBytes / 4);
  }

  /** So little is left that a body might be cut where an IDS still looks. */
  get isLow(): boolean {
    return this.extraBytes < this.#lowBytes;
  }
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

/** The decoders of one flow, the oldest first, each with the bytes that it holds. */
interface FlowDecoders {
  readonly heldBytes: Map<DecoderHolder, number>;
  readonly account: MemoryAccount;
}

/**
 * The decoders of all flows: where there are too many, the flow with most of them loses its oldest; where they hold too much, the flow
 * that holds most loses those that hold most.
 */
export class DecoderPool {
  readonly #flows = new Map<FlowBudget, FlowDecoders>();
  #open = 0;

  constructor(readonly maxOpen: number, readonly memory: MemoryBudget) {}

  add(flow: FlowBudget, holder: DecoderHolder): void {
    if (this.#open >= this.maxOpen) this.#evictOne();
    this.#decodersOf(flow).heldBytes.set(holder, 0);
    this.#open++;
  }

  remove(flow: FlowBudget, holder: DecoderHolder): void {
    const decoders = this.#flows.get(flow);
    if (decoders === undefined) return;
    this.settle(flow, holder, 0);
    if (decoders.heldBytes.delete(holder)) this.#open--;
    if (decoders.heldBytes.size > 0) return;
    decoders.account.close();
    this.#flows.delete(flow);
  }

  /** The holder holds so much now, between two calls; it or another may be evicted for that. */
  settle(flow: FlowBudget, holder: DecoderHolder, heldBytes: number): void {
    const decoders = this.#flows.get(flow);
    const before = decoders?.heldBytes.get(holder);
    if (decoders === undefined || before === undefined || before === heldBytes) return;
    decoders.heldBytes.set(holder, heldBytes);
    decoders.account.settle(decoders.account.heldBytes + heldBytes - before);
  }

  get size(): number {
    return this.#open;
  }

  #decodersOf(flow: FlowBudget): FlowDecoders {
    const known = this.#flows.get(flow);
    if (known !== undefined) return known;
    const account = this.memory.open((lengthBytes) => this.#giveWay(decoders, lengthBytes));
    const decoders: FlowDecoders = { heldBytes: new Map(), account };
    this.#flows.set(flow, decoders);
    return decoders;
  }

  #evictOne(): void {
    let most: FlowDecoders | undefined;
    for (const decoders of this.#flows.values()) {
      if (most === undefined || decoders.heldBytes.size > most.heldBytes.size) most = decoders;
    }
    most?.heldBytes.keys().next().value?.evict();
  }

  /** Answers what the flow's decoders hold then. */
  #giveWay({ heldBytes, account }: FlowDecoders, lengthBytes: number): number {
    let left = account.heldBytes;
    const enough = left - lengthBytes;
    for (const [holder, bytes] of [...heldBytes].sort(([, one], [, other]) => other - one)) {
      if (left <= enough) break;
      heldBytes.delete(holder);
      this.#open--;
      holder.evict();
      left -= bytes;
    }
    return left;
  }
}
