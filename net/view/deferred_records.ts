// SPDX-License-Identifier: MIT
/**
 * Clear text that is read into the exchange log later, many records in one go. Where a record is read as it comes, a look of the
 * agent every 40 ms, most of what that costs is memory and code that nothing has touched since the last one.
 *
 * When all blocks are full the oldest makes room. While somebody reads all that is logged, all is read when one is full; who looks at
 * a part of what comes has a part of it read.
 *
 * @module
 */
import { type Direction, TO_SERVER } from "../../codecs/direction.ts";
import type { FlowView } from "./flow_view.ts";
import type { Followers } from "./followers.ts";
import { beginsTunnel, HeadScan, MethodKind, type ScannedText } from "./head_scan.ts";
import { RowCounts } from "./row_counts.ts";
import { RecordKind, RecordMark, type Waiter, WaitingRecords } from "./waiting_records.ts";

/** Records that are looked through in one go: some 100 KB of them. */
const SORTED_AT_ONCE = 512;
/** What has waited so long is read, since it comes so slowly that reading it costs next to nothing. */
const LEISURE_NS = 60e9;

/** Of a flow that begins, while nothing has come of it. */
export const SILENT = -2;

/** A flow of which records wait; its numbers are for {@linkcode DeferredRecords} alone. */
export interface WaitingTap extends Waiter {
  /** Requests of whole exchanges that wait for their responses; {@linkcode SILENT}, or -1: what comes must be read. */
  unanswered: number;
  /** The last of these requests, while it waits to be read; else -1. */
  request: number;
  /** Bytes of its body: with others it has none. And of one that was read. */
  requestBytes: number;
  requestBytesRead: number;
  /** Requests that were read while nothing else was under way, whose responses wait or are to come. */
  owed: number;
  /** Responses of whole exchanges that wait to be read. */
  responses: number;
  /** Of these so many answer requests that were left out. */
  leftOut: number;
  /** It is among those that are to be read at the next look. */
  isUrgent: boolean;
  /** Requests that were read and wait for their responses, while nothing of a message is under way; else -1. And their bodies. */
  readonly unansweredRead: number;
  readonly unansweredReadBytes: number;
  /** Some of it was read. */
  readonly isOpen: boolean;
  /** What reads it; asked for when everything that came before has been disposed of. */
  readonly view: FlowView;
  /** A piece is not read: true; false where what follows could not be understood without it. */
  passOver(direction: Direction, text: ScannedText, start: number, end: number, timeNs: number): boolean;
  /** A message of a whole exchange is not read. */
  leaveOut(direction: Direction, lengthBytes: number): void;
}

export interface DeferredOptions {
  /** How many blocks may wait while nobody follows. */
  readonly blocks: number;
  /** Who reads the log as it goes on. */
  readonly followers: Pick<Followers, "isEmpty" | "readAll">;
  /** A piece to a server was passed over. */
  readonly passedOver: () => void;
}

/** Used by one call at a time. */
const SCAN = new HeadScan();

/** What waits of all flows, in its order: whoever reads the log has it read before. */
export class DeferredRecords {
  /** Of exchanges that were whole when they came, and of flows that ended then: those that nobody has read, whether they wait or not. */
  readonly unread = new RowCounts();
  /** All of these exchanges that ever came. */
  came = 0;
  readonly #options: DeferredOptions;
  readonly #records: WaitingRecords<WaitingTap>;
  /** Somebody looks at a part: what comes is looked through for whole exchanges, of which one of so many is read; 0: nobody does. */
  #share = 0;
  /** Records that have come since they were last looked through, while somebody samples. */
  #unsorted = 0;
  /** So many are still left out before the next that is read. */
  #untilNext = 0;
  /** Records that are read at the next look, in this order. */
  readonly #picks: { readonly tap: WaitingTap; readonly record: number }[] = [];
  /** Flows of which something has to be read then. */
  readonly #urgent: WaitingTap[] = [];

  constructor(options: DeferredOptions) {
    this.#options = options;
    this.#records = new WaitingRecords(options.blocks);
  }

  open(tap: WaitingTap, timeNs: number): void {
    this.#add(tap, RecordKind.OPEN, TO_SERVER, 0, timeNs);
  }

  /** Takes a copy of at most `RECORD_BYTES_MAX`. */
  data(tap: WaitingTap, direction: Direction, bytes: Uint8Array, timeNs: number): void {
    const record = this.#add(tap, RecordKind.DATA, direction, bytes.length, timeNs);
    const { text } = this.#records;
    const start = this.#records.startOf(record);
    text.bytes.set(bytes, start);
    // Where somebody samples what begins one is read.
    if (this.#share === 0 && beginsTunnel(direction, text, start)) {
      this.#records.mark(record, RecordMark.BEGINS_TUNNEL);
    }
  }

  gap(tap: WaitingTap, direction: Direction, lengthBytes: number, timeNs: number): void {
    const record = this.#add(tap, RecordKind.GAP, direction, 8, timeNs);
    this.#records.setNumber(record, lengthBytes);
  }

  end(tap: WaitingTap, timeNs: number): void {
    this.#add(tap, RecordKind.END, TO_SERVER, 0, timeNs);
  }

  /** Has all that waits read, but for responses whose requests were left out. */
  flush(): void {
    this.#readUrgent();
    this.#records.takeAll(this.#readOne);
  }

  /**
   * Has one of `share` exchanges of HTTP/1.1 read that come from now on, and leaves the others to wait; all that waits else is read now.
   * With 1, and at the first time, all.
   */
  sample(share: number): void {
    if (this.#share <= 1 || share === 1 || this.#options.followers.readAll) this.flush();
    else this.#readUrgent();
    this.#share = share;
    this.#untilNext = Math.min(this.#untilNext, share);
  }

  /** Has all read that waits of one flow, of which then comes what is not kept here. */
  drain(tap: WaitingTap): void {
    this.#sort();
    this.#readPicks();
    this.#drain(tap);
    tap.unanswered = -1;
  }

  #readUrgent(): void {
    this.#sort();
    this.#readPicks();
    for (const tap of this.#urgent) {
      tap.isUrgent = false;
      this.#drain(tap);
    }
    this.#urgent.length = 0;
  }

  #mustRead(tap: WaitingTap): void {
    tap.unanswered = -1;
    if (tap.isUrgent) return;
    tap.isUrgent = true;
    this.#urgent.push(tap);
  }

  /** Looks through what has come since the last call. */
  #sort(): void {
    if (this.#unsorted === 0) return;
    this.#unsorted = 0;
    this.#records.takeNew(this.#sortOne);
  }

  /** Whether a record that has come is a message of a whole exchange, or ends a flow of such; else its flow has to be read. */
  readonly #sortOne = (tap: WaitingTap, record: number): void => {
    switch (this.#records.kindOf(record)) {
      case RecordKind.DATA:
        return this.#sortData(tap, record);
      case RecordKind.GAP:
        return this.#mustRead(tap);
      case RecordKind.END:
        if (tap.unanswered !== 0) return this.#mustRead(tap);
        this.#records.mark(record, RecordMark.IS_WHOLE);
        this.unread.flows++;
    }
  };

  #sortData(tap: WaitingTap, record: number): void {
    const isToServer = this.#records.directionOf(record) === TO_SERVER;
    if (tap.unanswered === SILENT) tap.unanswered = 0;
    if (tap.unanswered < 0 && tap.first === record) {
      tap.unanswered = tap.owed = tap.unansweredRead;
      tap.requestBytes = tap.requestBytesRead = tap.unansweredReadBytes;
    }
    const isExpected = isToServer ? tap.unanswered >= 0 : tap.unanswered > 0;
    const bodyBytes = isExpected ? this.#wholeBody(record) : -1;
    const isMixed = isToServer && tap.unanswered > 0 && bodyBytes + tap.requestBytes > 0;
    if (bodyBytes < 0 || isMixed) return this.#mustRead(tap);
    this.#records.mark(record, RecordMark.IS_WHOLE);
    if (isToServer) {
      tap.unanswered++;
      tap.request = record;
      tap.requestBytes = bodyBytes;
      return;
    }
    this.#count(tap.requestBytes + bodyBytes, 1);
    tap.requestBytes = 0;
    tap.unanswered--;
    tap.responses++;
    this.came++;
    if (this.#share > 1 && --this.#untilNext <= 0) this.#pick(tap, record);
  }

  /** How long its body is, where the record is one message of HTTP/1.1 and nothing else, behind which there is no tunnel; else -1. */
  #wholeBody(record: number): number {
    const records = this.#records;
    const direction = records.directionOf(record);
    const end = records.startOf(record) + records.lengthOf(record);
    const headEnd = SCAN.read(direction, records.text, records.startOf(record), end);
    if (headEnd <= 0 || SCAN.isAmbiguous || SCAN.method !== MethodKind.OTHER) return -1;
    const bodyBytes = SCAN.bodyLength(direction, MethodKind.OTHER);
    return headEnd + bodyBytes === end ? bodyBytes : -1;
  }

  /** An exchange whose response was scanned; `bytes` are of both bodies. */
  #count(bytes: number, by: 1 | -1): void {
    this.unread.bytes(by * bytes);
    this.unread.exchange(SCAN.status, by);
  }

  /** The exchange that this response ends will be read, unless others of its connection are under way. */
  #pick(tap: WaitingTap, response: number): void {
    if (tap.unanswered > 0 || tap.request < 0 || tap.owed > 0) return;
    this.#untilNext = this.#share;
    for (const record of [tap.request, response]) {
      this.#records.mark(record, RecordMark.IS_PICKED);
      this.#picks.push({ tap, record });
    }
    tap.responses--;
  }

  #readPicks(): void {
    if (this.#picks.length === 0) return;
    for (const { tap, record } of this.#picks) this.#read(tap, record);
    this.#picks.length = 0;
  }

  #drain(tap: WaitingTap): void {
    while (tap.first >= 0) this.#readOne(tap, this.#records.takeFirst(tap));
  }

  readonly #readOne = (tap: WaitingTap, record: number) => this.#dispose(tap, record, false);
  readonly #passOverOne = (tap: WaitingTap, record: number) => this.#dispose(tap, record, true);

  /** What waits no more is read, or passed over if it may be. */
  #dispose(tap: WaitingTap, record: number, passesOver: boolean): void {
    const records = this.#records;
    if (record === tap.request) tap.request = -1;
    if (records.has(record, RecordMark.IS_PICKED)) return;
    const isWholeMessage = records.kindOf(record) === RecordKind.DATA &&
      records.has(record, RecordMark.IS_WHOLE);
    const isLeft = isWholeMessage
      ? this.#leaveOut(tap, record, passesOver)
      : passesOver && this.#passOver(tap, record);
    if (!isLeft) this.#read(tap, record);
  }

  /** A message of a whole exchange: whether it need not be read, or must not, since its request was not. */
  #leaveOut(tap: WaitingTap, record: number, passesOver: boolean): boolean {
    const direction = this.#records.directionOf(record);
    if (direction === TO_SERVER) {
      // Its response has come, and none is owed to a request that was read.
      const mayBeLeft = passesOver && tap.owed === 0 && tap.responses > tap.leftOut;
      if (!mayBeLeft) {
        tap.owed++;
        return false;
      }
      tap.leftOut++;
      this.#options.passedOver();
    } else {
      tap.responses--;
      if (tap.leftOut === 0) {
        tap.owed--;
        return false;
      }
      tap.leftOut--;
    }
    tap.leaveOut(direction, this.#records.lengthOf(record));
    return true;
  }

  #read(tap: WaitingTap, record: number): void {
    const records = this.#records;
    const timeNs = records.timeNsOf(record);
    const direction = records.directionOf(record);
    const isWhole = records.has(record, RecordMark.IS_WHOLE);
    switch (records.kindOf(record)) {
      case RecordKind.OPEN:
        void tap.view;
        break;
      case RecordKind.DATA: {
        const start = records.startOf(record);
        const end = start + records.lengthOf(record);
        if (isWhole) this.#uncount(tap, record);
        tap.view.record(direction, records.text, start, end, timeNs);
        break;
      }
      case RecordKind.GAP:
        tap.view.gap(direction, records.numberOf(record), timeNs);
        break;
      case RecordKind.END:
        if (isWhole) this.unread.flows--;
        tap.view.end(timeNs);
    }
  }

  /** A message of a whole exchange is read. */
  #uncount(tap: WaitingTap, record: number): void {
    const bodyBytes = this.#wholeBody(record);
    if (this.#records.directionOf(record) === TO_SERVER) tap.requestBytesRead = bodyBytes;
    else {
      this.#count(tap.requestBytesRead + bodyBytes, -1);
      tap.requestBytesRead = 0;
    }
  }

  /** Whether it need not be read: what comes of its flow can be understood without it. */
  #passOver(tap: WaitingTap, record: number): boolean {
    const records = this.#records;
    switch (records.kindOf(record)) {
      case RecordKind.OPEN:
        return true;
      case RecordKind.END:
        return !tap.isOpen;
      case RecordKind.GAP:
        return false;
    }
    if (records.has(record, RecordMark.BEGINS_TUNNEL)) return false;
    const start = records.startOf(record);
    const end = start + records.lengthOf(record);
    const direction = records.directionOf(record);
    if (!tap.passOver(direction, records.text, start, end, records.timeNsOf(record))) return false;
    if (direction === TO_SERVER) this.#options.passedOver();
    return true;
  }

  #add(tap: WaitingTap, kind: RecordKind, direction: Direction, lengthBytes: number, timeNs: number): number {
    if (!this.#records.hasRoom(tap, lengthBytes)) this.#makeRoom(timeNs);
    if (this.#share === 0) tap.unanswered = -1;
    else {
      if (this.#unsorted === SORTED_AT_ONCE) this.#sort();
      this.#unsorted++;
    }
    return this.#records.add(tap, kind, direction, lengthBytes, timeNs);
  }

  #makeRoom(timeNs: number): void {
    const { followers } = this.#options;
    if (followers.readAll) return this.flush();
    this.#readUrgent();
    if (followers.isEmpty) this.#share = 0;
    const isFast = timeNs - this.#records.oldestNs < LEISURE_NS;
    this.#records.turn(isFast ? this.#passOverOne : this.#readOne);
  }
}
