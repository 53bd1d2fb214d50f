// SPDX-License-Identifier: MIT
/** Where lines of text go: a file, a series of files, standard output, a Unix socket. @module */
import { systemError } from "../ffi/system_error.ts";
import { GrownFile } from "../sinks/grown_file.ts";
import { Outlet, Parcel } from "../sinks/outlet.ts";
import { type OutletWriter, PieceWriter } from "../sinks/outlet_writer.ts";
import { rotatedFiles, rotatedPath } from "../sinks/rotated_path.ts";

/** Takes lines. Never throws, and never waits for a reader. */
export interface LineOutput {
  /** Whole lines, each with its end. */
  write(text: string, lines: number): void;
  /** Lines that nobody got. */
  readonly dropped: number;
  /** Settles when nothing waits for a slow reader any more: for who can wait. */
  drained(): Promise<void>;
  close(): Promise<void>;
}

/** When a file is followed by another. */
export interface Rotation {
  readonly rotateBytes?: number;
  readonly rotateMs?: number;
  readonly keep?: number;
}

/** What an output says of itself, once each. */
type Warn = (message: string) => void;

const encoder = new TextEncoder();

/**
 * A file for its owner only: it says who asked whom for what. Written at once, so that nothing waits in memory. Others may move, remove
 * or cut it.
 */
export class TextFile {
  readonly #path: string;
  readonly #rotation: Rotation;
  readonly #warn: Warn;
  readonly #now: () => number;
  readonly #files: string[];
  #file: GrownFile;
  #number = 0;
  #openedMs = 0;

  /** `now` is the wall clock in milliseconds. Throws when the file cannot be opened. */
  constructor(path: string, rotation: Rotation, warn: Warn, now: () => number = Date.now) {
    this.#path = path;
    this.#rotation = rotation;
    this.#warn = warn;
    this.#now = now;
    this.#files = this.#rotates && rotation.keep !== undefined ? rotatedFiles(path) : [];
    this.#file = this.#openNext();
  }

  get #rotates(): boolean {
    return this.#rotation.rotateBytes !== undefined || this.#rotation.rotateMs !== undefined;
  }

  /** Whether it can be cut: what is no file of its own, such as a pipe, cannot. */
  get isRegular(): boolean {
    return this.#file.isRegular;
  }

  /** Bytes that it has. */
  get bytes(): number {
    return this.#file.bytes;
  }

  /** Whether `lengthBytes` more belong into the next file. */
  isDue(lengthBytes: number): boolean {
    const { rotateBytes = Infinity, rotateMs = Infinity } = this.#rotation;
    return this.bytes > 0 &&
      (this.bytes + lengthBytes > rotateBytes || this.#now() - this.#openedMs >= rotateMs);
  }

  /** Begins the next file. */
  rotate(): void {
    this.close();
    this.#file = this.#openNext();
  }

  /**
   * Where others have moved or removed what was written, begins an empty file in its place; goes on behind what they have left of one
   * that they cut. Answers whether there was anything of this. To be called before writing.
   */
  followPath(): boolean {
    const { whereabouts, cutTo } = this.#file.look();
    if (whereabouts !== "in place") {
      this.close();
      this.#file = GrownFile.openInstead(this.#file.path, this.#warn);
      this.#openedMs = this.#now();
      return true;
    }
    if (cutTo === undefined) return false;
    this.#file.bytes = cutTo;
    return true;
  }

  /** Throws what the system answers. */
  append(bytes: Uint8Array): void {
    this.#file.appendAll(bytes);
  }

  /** Leaves its first `lengthBytes`. */
  cut(lengthBytes: number): void {
    this.#file.cut(lengthBytes);
  }

  close(): void {
    this.#file.close();
  }

  #openNext(): GrownFile {
    this.#openedMs = this.#now();
    const path = this.#rotates ? rotatedPath(this.#path, ++this.#number, this.#openedMs) : this.#path;
    const file = GrownFile.open(path);
    this.#files.push(path);
    while (this.#files.length > (this.#rotation.keep ?? Infinity)) {
      try {
        Deno.removeSync(this.#files.shift()!);
      } catch {
        // Somebody else removed it.
      }
    }
    return file;
  }
}

/** Lines into a file; stops for good where writing fails. */
export class FileLines implements LineOutput {
  dropped = 0;
  readonly #name: string;
  readonly #warn: Warn;
  #file: TextFile | undefined;

  /** Throws when the file cannot be opened. */
  constructor(path: string, rotation: Rotation, warn: Warn) {
    this.#name = path;
    this.#warn = warn;
    this.#file = new TextFile(path, rotation, warn);
  }

  write(text: string, lines: number): void {
    const file = this.#file;
    if (file === undefined) {
      this.dropped += lines;
      return;
    }
    const bytes = encoder.encode(text);
    try {
      file.followPath();
      if (file.isDue(bytes.length)) file.rotate();
      this.#append(file, bytes);
    } catch (error) {
      this.dropped += lines;
      this.#warn(`${this.#name}: writing stopped: ${systemError(error).text}`);
      void this.close();
    }
  }

  /** All, or nothing and throws. */
  #append(file: TextFile, bytes: Uint8Array): void {
    const before = file.bytes;
    try {
      file.append(bytes);
    } catch (error) {
      file.cut(before);
      throw error;
    }
  }

  drained(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    try {
      this.#file?.close();
    } catch {
      // Closed by a failed rotation.
    }
    this.#file = undefined;
    return Promise.resolve();
  }
}

/** Text that waits for a slow reader; what comes beyond is dropped and counted. */
const QUEUE_BYTES = 16 * 1024 * 1024;
/** What a reader that reads nothing is waited for at the end. */
const DRAIN_MS = 2000;

/** Lines to a reader that may be slow. */
export class StreamLines implements LineOutput {
  dropped = 0;
  readonly #outlet: Outlet<Parcel>;
  readonly #name: string;
  readonly #warn: Warn;
  #isSlow = false;

  /** `broken` is called when the reader has gone. */
  constructor(writer: OutletWriter, name: string, warn: Warn, broken: () => void = () => {}) {
    this.#name = name;
    this.#warn = warn;
    this.#outlet = new Outlet<Parcel>(writer, QUEUE_BYTES, {
      delivered: () => {},
      lost: ({ packets }) => this.dropped += packets,
      broken: (error) => {
        const { code, text } = systemError(error);
        warn(`${name}: ${code === "EPIPE" ? "the reader has gone" : `writing stopped: ${text}`}`);
        broken();
      },
    });
  }

  write(text: string, lines: number): void {
    if (this.#outlet.offer(new Parcel(encoder.encode(text), lines))) return;
    this.dropped += lines;
    if (!this.#isSlow) this.#warn(`${this.#name}: the reader is too slow, lines are dropped and counted`);
    this.#isSlow = true;
  }

  drained(): Promise<void> {
    return this.#outlet.drained();
  }

  async close(): Promise<void> {
    const patience = Promise.withResolvers<void>();
    const timer = setTimeout(patience.resolve, DRAIN_MS);
    await Promise.race([this.#outlet.drained(), patience.promise]);
    clearTimeout(timer);
    this.#outlet.cut();
  }
}

/** Lines to a stream of this process, which is written beside the event loop: a terminal may be stopped. */
export function streamLines(
  stream: { write(bytes: Uint8Array): Promise<number> },
  name: string,
  warn: Warn,
): StreamLines {
  return new StreamLines(new PieceWriter((bytes) => stream.write(bytes)), name, warn);
}

const RECONNECT_MS = 1000;

/** Lines to whoever listens on a Unix socket, as Suricata's `unix_stream` gives them; tries again while nobody does. */
export class SocketLines implements LineOutput {
  readonly #path: string;
  readonly #warn: Warn;
  #lines: StreamLines | undefined;
  #connection: Deno.Conn | undefined;
  #dropped = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isClosed = false;
  #hasWarned = false;

  constructor(path: string, warn: Warn) {
    this.#path = path;
    this.#warn = warn;
    void this.#connect();
  }

  get dropped(): number {
    return this.#dropped + (this.#lines?.dropped ?? 0);
  }

  /** Whether somebody gets what is written now. */
  get isConnected(): boolean {
    return this.#lines !== undefined;
  }

  write(text: string, lines: number): void {
    if (this.#lines === undefined) this.#dropped += lines;
    else this.#lines.write(text, lines);
  }

  drained(): Promise<void> {
    return this.#lines?.drained() ?? Promise.resolve();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    await this.#lines?.close();
    this.#connection?.close();
  }

  async #connect(): Promise<void> {
    try {
      const connection = await Deno.connect({ transport: "unix", path: this.#path });
      if (this.#isClosed) return connection.close();
      this.#connection = connection;
      const writer = new PieceWriter((bytes) => connection.write(bytes));
      this.#lines = new StreamLines(writer, `unix:${this.#path}`, this.#warn, () => this.#lost());
    } catch (error) {
      if (!this.#hasWarned) {
        this.#warn(
          `unix:${this.#path}: nobody listens: ${systemError(error).text}; tried again every second`,
        );
      }
      this.#hasWarned = true;
      this.#again();
    }
  }

  #lost(): void {
    this.#dropped += this.#lines?.dropped ?? 0;
    this.#lines = undefined;
    this.#connection?.close();
    this.#connection = undefined;
    this.#again();
  }

  #again(): void {
    if (!this.#isClosed) this.#timer = setTimeout(() => void this.#connect(), RECONNECT_MS);
  }
}
