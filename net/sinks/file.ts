// SPDX-License-Identifier: MIT
/** Packets into a capture file, or a series of them. @module */
import { resolve } from "node:path";
import { surviveFileSizeLimit } from "../ffi/file_size_limit.ts";
import type { PacketBatch } from "../forge/packet_batch.ts";
import { countDropped, DEFAULT_MTU, newSinkCounters, type Sink, type SinkCounters } from "./sink.ts";
import { type CaptureFormat, captureFormat } from "./capture_format.ts";
import { rotatedFiles, rotatedPath } from "./rotated_path.ts";
import { systemError } from "../ffi/system_error.ts";
import type { FileProgress, SinkFiles } from "./sink_files.ts";
import type { SinkOptions } from "./sink_options.ts";

/**
 * A file that is made is for its owner only: it holds clear text. Writes at once and synchronously, a batch in one piece, so that nothing waits in memory and a reader can follow the
 * file. When writing fails, the sink stops for good and cuts the file after the last whole packet.
 */
export class FileSink implements Sink, SinkFiles {
  readonly name: string;
  readonly mtu: number;
  readonly counters: SinkCounters = newSinkCounters();
  readonly #path: string;
  readonly #options: SinkOptions;
  readonly #format: CaptureFormat;
  readonly #now: () => number;
  #file: Deno.FsFile | undefined;
  /** This run's files as they were when they were opened, oldest first. */
  readonly #files: FileProgress[] = [];
  /** Files of earlier runs that count too, oldest first. */
  readonly #older: string[];
  #fileNumber = 0;
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
    this.#older = this.#rotates && options.keep !== undefined ? rotatedFiles(this.#path) : [];
    this.#open();
    this.#deleteOldest();
    surviveFileSizeLimit();
  }

  /** The file that is being written, or was last. */
  get path(): string {
    return this.#files[this.#files.length - 1].path;
  }

  /** Absent when it is none that grows: a pipe, a device. */
  get files(): SinkFiles | undefined {
    return this.#files[this.#files.length - 1].size < 0 ? undefined : this;
  }

  get progress(): FileProgress {
    const { path, device, inode } = this.#files[this.#files.length - 1];
    return { path, device, inode, size: this.#fileBytes };
  }

  begunAfter(path: string): FileProgress[] {
    return this.#files.slice(this.#files.findLastIndex((file) => file.path === path) + 1);
  }

  write(batch: PacketBatch): void {
    this.counters.packets += batch.count;
    if (this.#stopReason !== undefined) {
      return countDropped(this.counters, this.#stopReason, batch.count);
    }
    const bytes = this.#format.encode(batch);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let left = batch.count;
    for (let at = 0; at < bytes.length;) {
      const limit = this.#roomFor(this.#format.recordLength(view, at));
      if (limit === undefined) return countDropped(this.counters, this.#stopReason!, left);
      let end = at;
      let packets = 0;
      while (end < bytes.length) {
        const next = end + this.#format.recordLength(view, end);
        if (packets > 0 && next - at > limit) break;
        if (packets === 0 || next === bytes.length) this.#format.note(view, end);
        end = next;
        packets++;
      }
      const whole = this.#append(bytes, view, at, end, packets);
      left -= whole;
      if (whole < packets) return countDropped(this.counters, this.#stopReason!, left);
      at = end;
    }
  }

  flush(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
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

  get #rotates(): boolean {
    return this.#options.rotateBytes !== undefined || this.#options.rotateMs !== undefined;
  }

  /** Bytes that the file may still take, after opening the next one if due; undefined when that failed. */
  #roomFor(recordLength: number): number | undefined {
    const { rotateBytes = Infinity, rotateMs = Infinity } = this.#options;
    const isDue = this.#filePackets > 0 &&
      (this.#fileBytes + recordLength > rotateBytes || this.#now() - this.#openedMs >= rotateMs);
    if (isDue) {
      try {
        this.#finish();
        this.#open();
        this.#options.begun?.();
        this.#deleteOldest();
      } catch (error) {
        this.#stop(error);
        return undefined;
      }
    }
    return rotateBytes - this.#fileBytes;
  }

  #open(): void {
    this.#openedMs = this.#now();
    const { continueAt } = this.#options;
    if (continueAt !== undefined && !this.#rotates) return this.#continue(continueAt);
    const path = this.#rotates ? this.#freePath() : this.#path;
    const file = Deno.openSync(path, { write: true, create: true, truncate: true, mode: 0o600 });
    try {
      writeAll(file, this.#format.head, 0, this.#format.head.length);
    } catch (error) {
      file.close();
      if (this.#rotates) Deno.removeSync(path); // an incomplete head is no capture
      throw error;
    }
    this.#file = file;
    this.#fileBytes = this.#format.head.length;
    this.#filePackets = 0;
    this.#files.push(identify(path, file));
  }

  /** Goes on with a file that has this sink's format and options, behind its first `length` bytes. */
  #continue(length: number): void {
    const file = Deno.openSync(this.#path, { write: true });
    try {
      file.truncateSync(length);
      file.seekSync(length, Deno.SeekMode.Start);
    } catch (error) {
      file.close();
      throw error;
    }
    this.#file = file;
    this.#fileBytes = length;
    this.#files.push(identify(this.#path, file));
  }

  /** The next name of the series; another run that began within its second may have taken some. */
  #freePath(): string {
    while (true) {
      const path = rotatedPath(this.#path, ++this.#fileNumber, this.#openedMs);
      try {
        Deno.lstatSync(path);
      } catch {
        return path;
      }
    }
  }

  /** Writes the tail and closes. */
  #finish(): void {
    const file = this.#file!;
    const dropped = this.#droppedSoFar();
    const tail = this.#format.tail(this.#filePackets, dropped - this.#droppedBefore);
    this.#droppedBefore = dropped;
    writeAll(file, tail, 0, tail.length);
    this.#fileBytes += tail.length;
    this.#file = undefined;
    file.close();
  }

  #deleteOldest(): void {
    while (this.#older.length + this.#files.length > (this.#options.keep ?? Infinity)) {
      try {
        Deno.removeSync(this.#older.shift() ?? this.#files.shift()!.path);
      } catch (error) {
        if (!(error instanceof Deno.errors.NotFound)) {
          this.#options.warn?.(`${this.name}: cannot delete an old file: ${systemError(error).text}`);
        }
      }
    }
  }

  /** Writes the records from `start` to `end`; the number of whole ones that are in the file. */
  #append(bytes: Uint8Array, view: DataView, start: number, end: number, packets: number): number {
    let whole = packets;
    let wholeBytes = end - start;
    const written = writeSome(this.#file!, bytes, start, end);
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
        file.truncateSync(this.#fileBytes);
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

/** What the file at `path` is told by; its size is given as 0, or as negative when it is no regular file. */
function identify(path: string, file: Deno.FsFile): FileProgress {
  const { isFile, dev, ino } = file.statSync();
  return { path, device: dev, inode: ino, size: isFile ? 0 : -1 };
}

function writeAll(file: Deno.FsFile, bytes: Uint8Array, start: number, end: number): void {
  const { error } = writeSome(file, bytes, start, end);
  if (error !== undefined) throw error;
}

/** Writes as much as goes; `bytes` is how much that was. */
function writeSome(
  file: Deno.FsFile,
  bytes: Uint8Array,
  start: number,
  end: number,
): { bytes: number; error?: unknown } {
  let at = start;
  try {
    while (at < end) at += file.writeSync(bytes.subarray(at, end));
  } catch (error) {
    return { bytes: at - start, error };
  }
  return { bytes: at - start };
}
