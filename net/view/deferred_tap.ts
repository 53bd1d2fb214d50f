// SPDX-License-Identifier: MIT
/** A flow whose clear text is read into the exchange log later. @module */
import type { CodecSession } from "../../codecs/codec.ts";
import { type Direction, TO_SERVER } from "../../codecs/direction.ts";
import { Http2To1Session } from "../../codecs/http2to1/session.ts";
import type { FlowTap } from "../mirror/flow_tap.ts";
import { type DeferredRecords, SILENT, type WaitingTap } from "./deferred_records.ts";
import type { FlowView, PassedOver } from "./flow_view.ts";
import type { ScannedText } from "./head_scan.ts";
import { beginsWithHead } from "./http1_half.ts";
import { RECORD_BYTES_MAX } from "./waiting_records.ts";

export interface DeferredFlow {
  readonly openedNs: number;
  /** What reads it, when it is known what was not. */
  readonly open: (passedOver: PassedOver) => FlowView;
  /** Both sides have agreed on HTTP/2, of which all must be read. */
  readonly isHttp2: boolean;
  /** It is not seen from its beginning on. */
  readonly isLate: boolean;
}

export class DeferredTap implements FlowTap, WaitingTap {
  number = 0;
  round = -1;
  first = -1;
  last = -1;
  unanswered: number;
  owed = 0;
  responses = 0;
  leftOut = 0;
  request = -1;
  requestBytes = 0;
  requestBytesRead = 0;
  isUrgent = false;
  readonly #records: DeferredRecords;
  readonly #flow: DeferredFlow;
  #view: FlowView | undefined;
  /** A codec tells what it reads, at once. */
  #isTold = false;
  /** What was passed over before anything was read. */
  #toServerBytes = 0;
  #toClientBytes = 0;
  #isWhole = true;

  constructor(records: DeferredRecords, flow: DeferredFlow) {
    this.#records = records;
    this.#flow = flow;
    this.unanswered = flow.isHttp2 || flow.isLate ? -1 : SILENT;
    records.open(this, flow.openedNs);
  }

  get isOpen(): boolean {
    return this.#view !== undefined;
  }

  get view(): FlowView {
    return this.#view ??= this.#flow.open({
      toServer: this.#toServerBytes,
      toClient: this.#toClientBytes,
      isWhole: this.#isWhole,
    });
  }

  get unansweredRead(): number {
    return this.#view?.unanswered ?? -1;
  }

  get unansweredReadBytes(): number {
    return this.#view?.unansweredBytes ?? 0;
  }

  leaveOut(direction: Direction, lengthBytes: number): void {
    if (this.#view !== undefined) this.#view.leaveOut(direction, lengthBytes);
    else this.#pass(direction, lengthBytes);
  }

  passOver(direction: Direction, text: ScannedText, start: number, end: number, timeNs: number): boolean {
    if (this.#view !== undefined) return this.#view.passOver(direction, end - start, timeNs);
    if (!this.#isHttp1(direction, text, start, end)) return false;
    this.#isWhole = false;
    this.#pass(direction, end - start);
    return true;
  }

  reads(session: CodecSession): void {
    const isTold = session instanceof Http2To1Session;
    if (!isTold && !this.#isTold) return;
    this.#records.drain(this);
    this.#isTold = isTold;
    this.view.reads(session);
  }

  data(direction: Direction, bytes: Uint8Array, timeNs: number): void {
    if (!this.#isTold && bytes.length <= RECORD_BYTES_MAX) {
      return this.#records.data(this, direction, bytes, timeNs);
    }
    if (!this.#isTold) this.#records.drain(this);
    this.view.data(direction, bytes, timeNs);
  }

  gap(direction: Direction, lengthBytes: number, timeNs: number): void {
    if (this.#isTold) this.view.gap(direction, lengthBytes, timeNs);
    else this.#records.gap(this, direction, lengthBytes, timeNs);
  }

  end(timeNs: number): void {
    if (this.#isTold) this.view.end(timeNs);
    else this.#records.end(this, timeNs);
  }

  #pass(direction: Direction, lengthBytes: number): void {
    if (direction === TO_SERVER) this.#toServerBytes += lengthBytes;
    else this.#toClientBytes += lengthBytes;
  }

  /** Of a flow that nobody has read: what its first piece to the server tells. */
  #isHttp1(direction: Direction, text: ScannedText, start: number, end: number): boolean {
    if (this.#toServerBytes > 0) return true;
    if (direction !== TO_SERVER || this.#flow.isHttp2) return false;
    return beginsWithHead(TO_SERVER, text.bytes.subarray(start, end));
  }
}
