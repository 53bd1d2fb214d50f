// SPDX-License-Identifier: MIT
/** Packets into a capture file, or a series of them. @module */
import { resolve } from "node:path";
import { surviveFileSizeLimit } from "../ffi/file_size_limit.ts";
import type { PacketBatch } from "../forge/packet_batch.ts";
import { countDropped, DEFAULT_MTU, newSinkCounters, type Sink, type SinkCounters } from "./sink.ts";
import { type CaptureFormat, captureFormat } from "./capture_format.ts";
import { FileSeries } from "./file_series.ts";
import { systemError } from "../ffi/system_error.ts";
import { GrownFile } from "./grown_file.ts";
import type { NumberedFile, SinkFiles } from "./sink_files.ts";
import type { SinkOptions } from "./sink_options.ts";

/** Times in a row that a file is begun anew for one batch: whoever cuts it more often than that is left to it. */
const CUTS_MAX = 3;

const NO_COMMENTS =
  "pcap has no room for comments: what packets tell of their flows (program, SNI, how addresses " +
  "were found, gaps) is left out; .pcapng keeps it";

/**
 * A file that is made is for its owner only: it holds clear text. Writes at once and synchronously, a batch in one piece, so
 * that nothing waits in memory and a reader can follow the file. Others may move, remove or cut it: the path then has a file
 * with a head of its own before the next packet is written. When writing fails, the sink stops for good and cuts the file
 * after the last whole packet.
 */
export class FileSink implements Sink, SinkFiles {
  readonly name: string;
  readonly mtu: number;
  readonly counters: SinkCounters = newSinkCounters();
  readonly #path: string;
  readonly #options: SinkOptions;
  readonly #format: CaptureFormat;
  readonly #now: () => number;
  #file: GrownFile | undefined;
  /** This run's files that it still has, as they were when they were begun, oldest first. */
  readonly #files: NumberedFile[] = [];
  /** Absent when there is one file for good. */
  readonly #series: FileSeries | undefined;
  #filesBegun = 0;
  #fileBytes = 0;
  #filePackets = 0;
  #droppedBefore = 0;
  #openedMs = 0;
  #stopReason: string | undefined;

  /** Opens the (first) file, which is written anew if it is there, unless `continueAt` is given. `now` is the wall clock in milliseconds. */
  constructor(path: string, isPcapng: boolean, options: SinkOptions, now: () => number = Date.now) {
    this.name = path;
    this.mtu = options.mtu ?? DEFAULT_MTU;
    this.#path = resolve(path);
    this.#options = options;
    this.#format = captureFormat(isPcapng, options);
    this.#now = now;
    const rotates = options.rotateBytes !== undefined || options.rotateMs !== undefined;
    this.#series = rotates ? new FileSeries(this.#path, options.keep) : undefined;
    this.#openFirst();
    surviveFileSizeLimit();
    if (!isPcapng) options.warn?.(`${path}: ${NO_COMMENTS}`);
  }

  /** The file that is being written, or was last. */
  get path(): string {
    return this.#files[this.#files.length - 1].path;
  }

  /** Absent when it is none that grows: a pipe, a device. */
  get files(): SinkFiles | undefined {
    return this.#files[this.#files.length - 1].size < 0 ? undefined : this;
  }

  get progress(): NumberedFile {
    const { path, device, inode, number } = this.#files[this.#files.length - 1];
    return { path, device, inode, size: this.#fileBytes, number };
  }

  get oldest(): number {
    return this.#files[0].number;
  }

  begunAfter(number: number): NumberedFile[] {
    return this.#files.filter((file) => file.number > number);
  }

  write(batch: PacketBatch): void {
    this.counters.packets += batch.count;
    this.reopen();
    if (this.#stopReason !== undefined) {
      return countDropped(this.counters, this.#stopReason, batch.count);
    }
    const bytes = this.#format.encode(batch);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let left = batch.count;
    for (let at = 0; at < bytes.length;) {
      const limit = this.#roomFor(this.#format.recordLength(view, at));
      if (limit === undefined) return countDropped(this.counters, this.#stopReason!, left);
      const { end, packets } = this.#fitting(view, at, limit, left);
      this.#format.note(view, at, end);
      const whole = this.#append(bytes, view, at, end, packets);
      left -= whole;
      if (whole < packets) return countDropped(this.counters, this.#stopReason!, left);
      at = end;
    }
  }

  /** Where the records from `at` on end that have room within `limit` bytes, at least one of the `left` that there are. */
  #fitting(view: DataView, at: number, limit: number, left: number): { end: number; packets: number } {
    if (view.byteLength - at <= limit) return { end: view.byteLength, packets: left };
    let end = at + this.#format.recordLength(view, at);
    let packets = 1;
    for (; packets < left; packets++) {
      const next = end + this.#format.recordLength(view, end);
      if (next - at > limit) break;
      end = next;
    }
    return { end, packets };
  }

  /** Leaves a file that others moved or removed, and begins anew where it was; begins anew in one that others cut. */
  reopen(): void {
    const file = this.#file;
    if (file === undefined) return;
    try {
      const { whereabouts, cutTo } = file.look();
      if (cutTo !== undefined) this.#beginCut(file, cutTo);
      if (whereabouts === "in place") return;
      this.#tell(`${whereabouts} by another program with ${this.#filePackets} packets of this run in it`);
      this.#finish();
      this.#begin(this.#openNext(), true);
    } catch (error) {
      this.#stop(error);
    }
  }

  flush(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    this.reopen();
    if (this.#file) {
      try {
        this.#finish();
      } catch (error) {
        this.#stop(error);
      }
      this.#stopReason ??= "sink-closed";
    }
    return Promise.resolve();
  }

  #tell(what: string): void {
    this.#options.info?.(`${this.path} was ${what}; a new file is begun`);
  }

  /** Bytes that the file may still take, after opening the next one if due; undefined when that failed. */
  #roomFor(recordLength: number): number | undefined {
    const { rotateBytes = Infinity, rotateMs = Infinity } = this.#options;
    const isDue = this.#filePackets > 0 &&
      (this.#fileBytes + recordLength > rotateBytes || this.#now() - this.#openedMs >= rotateMs);
    if (isDue) {
      try {
        this.#finish();
        this.#begin(this.#openNext());
        this.#deleteOldest();
      } catch (error) {
        this.#stop(error);
        return undefined;
      }
    }
    return rotateBytes - this.#fileBytes;
  }

  #openFirst(): void {
    const { continueAt } = this.#options;
    if (this.#series === undefined && continueAt !== undefined) {
      return this.#use(GrownFile.open(this.#path, continueAt));
    }
    this.#begin(this.#series === undefined ? GrownFile.open(this.#path) : this.#openNext());
    this.#deleteOldest();
  }

  /** The file behind one that is finished: the next of the series, or one in the same place. */
  #openNext(): GrownFile {
    if (this.#series !== undefined) return GrownFile.open(this.#series.nextPath(this.#now()));
    return GrownFile.openInstead(this.#path, (text) => this.#options.warn?.(text));
  }

  /** Goes on with an empty file; `replaced`: others have taken the last away. */
  #begin(file: GrownFile, replaced = false): void {
    this.#use(file);
    if (replaced) this.#files.splice(-2, 1);
    if (this.#filesBegun > 1) this.#options.begun?.();
    try {
      file.appendAll(this.#format.head);
    } catch (error) {
      this.#file = undefined;
      file.close();
      if (this.#series !== undefined) Deno.removeSync(file.path); // an incomplete head is no capture
      throw error;
    }
    this.#fileBytes = file.bytes;
  }

  #use(file: GrownFile): void {
    this.#file = file;
    this.#fileBytes = file.bytes;
    this.#filePackets = 0;
    this.#openedMs = this.#now();
    const { path, device, inode, isRegular } = file;
    this.#files.push({ path, device, inode, size: isRegular ? 0 : -1, number: ++this.#filesBegun });
  }

  /** What others left of the file is no capture that could be gone on with. */
  #beginCut(file: GrownFile, leftBytes: number): void {
    this.#tell(`cut to ${leftBytes} bytes by another program, with ${this.#filePackets} packets of this run`);
    file.cut(0);
    this.#droppedBefore = this.#droppedSoFar();
    this.#begin(file, true);
  }

  /** Writes the tail and closes. */
  #finish(): void {
    const file = this.#file!;
    const dropped = this.#droppedSoFar();
    const tail = this.#format.tail(this.#filePackets, dropped - this.#droppedBefore);
    this.#droppedBefore = dropped;
    file.appendAll(tail);
    this.#fileBytes += tail.length;
    this.#file = undefined;
    file.close();
  }

  #deleteOldest(): void {
    this.#series?.deleteOldest(this.#files, (text) => this.#options.warn?.(`${this.name}: ${text}`));
  }

  /** Writes the records from `start` to `end`; the number of whole ones that are in the file. */
  #append(bytes: Uint8Array, view: DataView, start: number, end: number, packets: number): number {
    const file = this.#file!;
    let whole = packets;
    let wholeBytes = end - start;
    let written = file.append(bytes, start, end);
    try {
      for (let cuts = 0; cuts < CUTS_MAX && written.error === undefined; cuts++) {
        const { cutTo } = file;
        if (cutTo === undefined) break;
        this.#beginCut(file, cutTo);
        written = file.append(bytes, start, end);
      }
    } catch (error) {
      written = { bytes: 0, error };
    }
    if (written.error !== undefined) {
      for (whole = 0, wholeBytes = 0; whole < packets; whole++) {
        const next = wholeBytes + this.#format.recordLength(view, start + wholeBytes);
        if (next > written.bytes) break;
        wholeBytes = next;
      }
    }
    this.#fileBytes += wholeBytes;
    this.#filePackets += whole;
    this.counters.written += whole;
    this.counters.writtenBytes += wholeBytes;
    if (written.error !== undefined) this.#stop(written.error);
    return whole;
  }

  /** Gives up: cuts what is not whole, says so, takes no more. */
  #stop(error: unknown): void {
    const { code, text } = systemError(error);
    this.#stopReason = code === "ENOSPC" || code === "EDQUOT"
      ? "disk-full"
      : code === "EFBIG"
      ? "file-too-large"
      : "write-failed";
    const file = this.#file;
    this.#file = undefined;
    let kept = `the ${this.counters.written} packets written before are whole`;
    if (file) {
      try {
        file.cut(this.#fileBytes);
      } catch {
        kept = "the file may end in an incomplete packet";
      }
      file.close();
    }
    this.#options.stopped?.(this, `${this.name}: writing stopped: ${text}; ${kept}`);
  }

  #droppedSoFar(): number {
    let dropped = 0;
    for (const packets of this.counters.dropped.values()) dropped += packets;
    return dropped;
  }
}
