// SPDX-License-Identifier: MIT
/**
 * Records of flows that a predecessor read the opening of: kept until the hook opens the flow again.
 *
 * @module
 */
import type { CaptureProgram, CaptureTarget } from "../target.ts";
import { deliver, RecordHead, type RecordMeaning } from "../record/deliver.ts";
import { KIND } from "../record/layout.ts";

/** What one ring may keep, bytes of payload: as much as a ring that nobody read for a while holds at its first grant. */
export const HELD_BYTES_MAX = 16 << 20;
/** What a record without payload counts as. */
const RECORD_BYTES = 128;

interface HeldRecord {
  readonly head: RecordHead;
  readonly payload: Uint8Array;
}

export class HeldFlows {
  readonly #flows = new Map<number, HeldRecord[]>();
  #bytes = 0;

  get isEmpty(): boolean {
    return this.#flows.size === 0;
  }

  /** Keeps a copy. Answers the flows that must be let go of for it, the longest kept first. */
  hold(head: RecordHead, payload: Uint8Array): number[] {
    const record = { head: Object.assign(new RecordHead(), head), payload: payload.slice() };
    const records = this.#flows.get(head.flow);
    if (records === undefined) this.#flows.set(head.flow, [record]);
    else records.push(record);
    this.#bytes += payload.length + RECORD_BYTES;
    const crowded: number[] = [];
    let bytes = this.#bytes;
    for (const [flow, held] of this.#flows) {
      if (bytes <= HELD_BYTES_MAX) break;
      crowded.push(flow);
      bytes -= sizeOf(held);
    }
    return crowded;
  }

  /** Bytes of a direction before the first record that is kept of a flow; `otherwise` where none is. */
  offset(flow: number, direction: number, otherwise: number): number {
    const first = this.#flows.get(flow)?.find(({ head }) => head.direction === direction && carries(head));
    return first === undefined ? otherwise : Math.min(otherwise, first.head.offset);
  }

  /** Delivers what is kept of a flow, as of `timeNs`. */
  release(
    flow: number,
    target: CaptureTarget,
    program: CaptureProgram,
    meaning: RecordMeaning,
    timeNs: number,
  ): void {
    const records = this.#flows.get(flow);
    if (records === undefined) return;
    this.#flows.delete(flow);
    this.#bytes -= sizeOf(records);
    for (const { head, payload } of records) {
      head.timeNs = timeNs;
      deliver(target, program, head, payload, meaning);
    }
  }

  /** The flows of which anything is kept. */
  flows(): number[] {
    return [...this.#flows.keys()];
  }
}

/** Whether a record stands for bytes of its direction. */
function carries({ kind }: RecordHead): boolean {
  return kind === KIND.data || kind === KIND.gap;
}

function sizeOf(records: readonly HeldRecord[]): number {
  return records.reduce((sum, { payload }) => sum + payload.length + RECORD_BYTES, 0);
}
