// SPDX-License-Identifier: MIT
/** Segments as version 0.1.0 wrote them: positions and packets, without checksums. @module */
import { BatchWalker } from "../blocks/batch_walker.ts";
import { FRAME_LENGTH_MAX } from "../../forge/packet_batch.ts";
import { endOf, lostPart, PART_BYTES, type SpoolPart } from "./spool_part.ts";

/**
 * Adds what a segment holds, when it is one of these: they begin with a position. Answers what is wrong with it from some point
 * on. A torn end is as expected.
 */
export function readOldSegment(
  path: string,
  bytes: Uint8Array,
  parts: SpoolPart[],
  before: number,
): { readonly isOne: boolean; readonly wrong?: string } {
  const walker = new BatchWalker(bytes, FRAME_LENGTH_MAX);
  let next: number | undefined;
  let [at, start, packets] = [0, 0, 0];
  const finishPart = () => {
    if (packets > 0 && next !== undefined) {
      const lengthBytes = at - start;
      const part = { first: next, packets, path, offset: start, lengthBytes, packetBytes: lengthBytes };
      parts.push({ ...part, reason: "", isUnchecked: true });
      next += packets;
    }
    packets = 0;
  };
  try {
    while (at < bytes.length) {
      const step = walker.step(at, bytes.length);
      if (step === "more") break;
      if (step === "packet") {
        if (next === undefined) return { isOne: false, wrong: "no packets that this version can read" };
        if (packets > 0 && at + walker.blockLength - start > PART_BYTES) finishPart();
        if (packets++ === 0) start = at;
      } else {
        finishPart();
        const { message } = walker;
        if (message?.kind === "position") {
          const reached = next ?? endOf(parts, before);
          if (message.next < reached) {
            return { isOne: true, wrong: `position ${message.next} after packet ${reached}` };
          }
          // In front of a session's first segment everything is acknowledged.
          if (message.next > reached && parts.length > 0) {
            parts.push(
              lostPart(
                reached,
                message.next,
                message.reason || (next === undefined ? "not-spooled" : "spool-failed"),
              ),
            );
          }
          next = message.next;
        }
      }
      at += walker.blockLength;
    }
  } catch (error) {
    finishPart();
    return { isOne: next !== undefined, wrong: (error as Error).message };
  }
  finishPart();
  return { isOne: next !== undefined };
}
