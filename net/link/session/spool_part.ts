// SPDX-License-Identifier: MIT
/** Where packets lie in the segments of a spool. @module */
import { BatchWalker } from "../blocks/batch_walker.ts";
import { FRAME_LENGTH_MAX } from "../../forge/packet_batch.ts";

/** Longest run of packets that one part tells of: it is read at once. */
export const PART_BYTES = 256 * 1024;

/** Packets that lie together in a segment, or that were lost together. */
export interface SpoolPart {
  readonly first: number;
  readonly packets: number;
  readonly path: string;
  readonly offset: number;
  readonly lengthBytes: number;
  /** Empty: not lost. */
  readonly reason: string;
}

/** Both as one; undefined unless `next` lies right behind `part`. */
export function joinParts(part: SpoolPart, next: SpoolPart): SpoolPart | undefined {
  if (next.path !== part.path || next.offset !== part.offset + part.lengthBytes) return undefined;
  const { first, path, offset } = part;
  const packets = part.packets + next.packets;
  return { first, packets, path, offset, lengthBytes: part.lengthBytes + next.lengthBytes, reason: "" };
}

/** Number of the packet behind them all. */
function endOf(parts: readonly SpoolPart[]): number {
  const last = parts.at(-1);
  return last === undefined ? 0 : last.first + last.packets;
}

/** Adds what a segment holds; the answer is what is wrong from some point on. A torn end is as expected. */
export function readSegment(path: string, bytes: Uint8Array, parts: SpoolPart[]): string | undefined {
  const walker = new BatchWalker(bytes, FRAME_LENGTH_MAX);
  let next: number | undefined;
  let [start, packets] = [0, 0];
  const finishPart = (end: number) => {
    if (packets > 0 && next !== undefined) {
      parts.push({ first: next, packets, path, offset: start, lengthBytes: end - start, reason: "" });
      next += packets;
    }
    packets = 0;
  };
  let at = 0;
  try {
    while (at < bytes.length) {
      const step = walker.step(at, bytes.length);
      if (step === "more") break;
      if (step === "packet") {
        if (next === undefined) return "packets before their position";
        if (packets > 0 && at + walker.blockLength - start > PART_BYTES) finishPart(at);
        if (packets++ === 0) start = at;
      } else {
        finishPart(at);
        const { message } = walker;
        if (message?.kind === "position") {
          const reached = next ?? endOf(parts);
          if (message.next < reached) return `position ${message.next} after packet ${reached}`;
          if (next !== undefined && message.next > next) {
            const lost = {
              first: next,
              packets: message.next - next,
              reason: message.reason || "spool-failed",
            };
            parts.push({ ...lost, path, offset: at, lengthBytes: 0 });
          }
          next = message.next;
        }
      }
      at += walker.blockLength;
    }
  } catch (error) {
    finishPart(at);
    return (error as Error).message;
  }
  finishPart(at);
  return undefined;
}
