// SPDX-License-Identifier: MIT
/** What a frame reader tells, as lines of text. @module */
import { type FrameHeader, FrameType } from "../../codecs/http2/frame.ts";
import type { FrameSink } from "../../codecs/http2/frame_reader.ts";
import { textOf } from "./http2_frames.ts";

const NAMES = new Map<number, string>(Object.entries(FrameType).map(([name, type]) => [type, name]));
const nameOf = ({ type, streamId }: FrameHeader): string =>
  `${NAMES.get(type) ?? `0x${type.toString(16)}`}/${streamId}`;
const hexOf = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

/** Pieces that follow one another are one line. `fault` names frames at which a connection ends. */
export class FrameLog implements FrameSink {
  isSure = true;
  readonly lines: string[] = [];
  /** Streams of which a frame is no surprise. */
  readonly expected = new Set<number>();

  constructor(readonly fault: (header: FrameHeader) => string | undefined = () => undefined) {}

  #join(start: string, more: string): void {
    const last = this.lines.length - 1;
    if (last >= 0 && this.lines[last].startsWith(start)) this.lines[last] += more;
    else this.lines.push(start + more);
  }

  frame(header: FrameHeader): string | undefined {
    this.lines.push(`${nameOf(header)} flags=${header.flags} length=${header.lengthBytes}`);
    return this.fault(header);
  }
  payload(header: FrameHeader, bytes: Uint8Array, start: number, end: number): string | undefined {
    this.lines.push(`payload of ${nameOf(header)}: ${hexOf(bytes.subarray(start, end))}`);
    return undefined;
  }
  payloadLost(header: FrameHeader): void {
    this.lines.push(`payload lost of ${nameOf(header)}`);
  }
  data(_header: FrameHeader, bytes: Uint8Array, start: number, end: number): void {
    this.#join("data: ", textOf(bytes.subarray(start, end)));
  }
  badPadding(): string | undefined {
    this.lines.push("bad padding");
    return undefined;
  }
  dataGap(_header: FrameHeader, lengthBytes: number): void {
    this.lines.push(`data gap: ${lengthBytes}`);
  }
  dataEnd(): void {
    this.lines.push("data end");
  }
  syncLost(): void {
    this.isSure = false;
    this.lines.push("sync lost");
  }
  isExpected(streamId: number): boolean {
    return this.expected.has(streamId);
  }
  synced(skippedBytes: number): void {
    this.lines.push(`synced after ${skippedBytes}`);
  }
  unreadable(reason: string, bytes: Uint8Array): void {
    this.#join(`unreadable, ${reason}: `, hexOf(bytes));
  }
}
