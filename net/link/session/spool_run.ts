// SPDX-License-Identifier: MIT
/**
 * Runs of packets in a segment of a spool: a control block with checksums, and behind it the packets that it tells of.
 *
 * @module
 */
import { crc32 } from "node:zlib";
import { BLOCK_CUSTOM_NO_COPY, controlBlock, isControlBlock, KIND_RUN } from "../blocks/link.ts";

/** Within the block: behind type, length, enterprise number, magic, kind and version. */
const AFTER = 20;
const FIRST = 28;
const PACKETS = 36;
const PACKET_BYTES = 40;
const PACKETS_SUM = 44;
const HEAD_SUM = 48;
const TEXT_LENGTH = 52;
const TEXT = 56;
const FIELDS_LENGTH = TEXT_LENGTH - AFTER;
/** Bytes of a head whose run follows on the one before. */
export const RUN_HEAD_BYTES = 60;
/** Longest head: 512 bytes of text. */
const HEAD_MAX = RUN_HEAD_BYTES + 512;

/** What a run's head says. */
export interface RunHead {
  /** Number behind the last packet that the spool was given before. */
  readonly after: number;
  /** Number of the first packet; those from `after` on that it skips are lost. */
  readonly first: number;
  readonly packets: number;
  /** Bytes of the packets, right behind the head. */
  readonly packetBytes: number;
  /** Why packets were skipped; empty where none were. */
  readonly reason: string;
}

/** The head of a run, as it is written. */
export function runHead(
  head: Omit<RunHead, "packetBytes" | "packets">,
  blocks: Uint8Array,
  packets: number,
): Uint8Array {
  const fields = new Uint8Array(FIELDS_LENGTH);
  const view = new DataView(fields.buffer);
  view.setBigUint64(AFTER - AFTER, BigInt(head.after), true);
  view.setBigUint64(FIRST - AFTER, BigInt(head.first), true);
  view.setUint32(PACKETS - AFTER, packets, true);
  view.setUint32(PACKET_BYTES - AFTER, blocks.length, true);
  view.setUint32(PACKETS_SUM - AFTER, crc32(blocks), true);
  const block = controlBlock(KIND_RUN, fields, head.reason);
  new DataView(block.buffer).setUint32(HEAD_SUM, crc32(block), true);
  return block;
}

/** A run where it was found. */
export interface FoundRun extends RunHead {
  readonly headBytes: number;
  /** Whether the packets are all there; those that are not whole may be torn. */
  readonly isWhole: boolean;
  /** Whether they are as they were written. */
  readonly isSound: boolean;
}

/** The run at `at`; undefined where none begins whose head is as it was written. */
export function runAt(bytes: Uint8Array, at: number): FoundRun | undefined {
  if (bytes.length - at < RUN_HEAD_BYTES) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, bytes.length - at);
  if (view.getUint32(0, true) !== BLOCK_CUSTOM_NO_COPY || !isControlBlock(view, KIND_RUN)) return undefined;
  const headBytes = view.getUint32(4, true);
  if (headBytes < RUN_HEAD_BYTES || headBytes > Math.min(HEAD_MAX, view.byteLength)) return undefined;
  const head = bytes.slice(at, at + headBytes);
  new DataView(head.buffer).setUint32(HEAD_SUM, 0, true);
  if (crc32(head) !== view.getUint32(HEAD_SUM, true)) return undefined;
  const packetBytes = view.getUint32(PACKET_BYTES, true);
  const packets = bytes.subarray(at + headBytes, at + headBytes + packetBytes);
  const isWhole = packets.length === packetBytes;
  return {
    after: Number(view.getBigUint64(AFTER, true)),
    first: Number(view.getBigUint64(FIRST, true)),
    packets: view.getUint32(PACKETS, true),
    packetBytes,
    reason: new TextDecoder().decode(head.subarray(TEXT, TEXT + view.getUint32(TEXT_LENGTH, true))),
    headBytes,
    isWhole,
    isSound: isWhole && crc32(packets) === view.getUint32(PACKETS_SUM, true),
  };
}

/** Where the next run begins at or behind `at`; the end of `bytes` where none does. Blocks begin at multiples of 4 in a segment. */
export function nextRun(bytes: Uint8Array, at: number): number {
  for (; at < bytes.length; at += 4) {
    if (bytes[at] === (BLOCK_CUSTOM_NO_COPY & 0xff) && runAt(bytes, at) !== undefined) return at;
  }
  return bytes.length;
}
