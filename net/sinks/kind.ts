// SPDX-License-Identifier: MIT
/** What makes a sink one that `-o` can name. A kind is one descriptor in its sink's file, and a place in `list.ts`. @module */
import type { Sink } from "./sink.ts";
import type { SinkOptions } from "./sink_options.ts";

/** A kind of sink. */
export interface SinkKind {
  /** How it is written behind `-o`, for help and mistakes: `an interface`. */
  readonly form: string;
  /** One line for people: what becomes of the packets, and who can read them. */
  readonly description: string;
  /**
   * Reads a value of `-o` and looks at nothing else; undefined: it is of another kind. Throws a `RangeError` as
   * {@linkcode wrongForm} makes it when it is of this kind and wrong.
   */
  parse(text: string): SinkSpec | undefined;
}

/** A sink that was asked for and is not open yet, and all that others need to know of it before it is. */
export interface SinkSpec {
  /** The value as it was given. */
  readonly name: string;
  /** Whether packets are on their way until {@linkcode Sink.flush} settles; else they have left when `write` returns. */
  readonly flushes: boolean;
  /** The capture file that it writes, or by whose name it makes a series. */
  readonly file?: CaptureFile;
  /** The interface whose traffic the packets join, live. */
  readonly interfaceName?: string;
  /** Whether it takes this process's standard output for itself. */
  readonly takesStdout?: boolean;
  /** Bytes of IP packet in the longest frame that it takes; absent: any. Throws when it cannot be opened. */
  mtuMax?(): number;
  /**
   * Finds out whether it could be opened, and leaves nothing behind. Throws an `Error` of one line that quotes the value
   * and says what would be right; the caller puts the option's name before it.
   */
  check(): void;
  /** Opens it. Throws an `Error` as {@linkcode SinkSpec.check} does. */
  open(options: SinkOptions): Sink;
}

/** A capture file that a sink writes. */
export interface CaptureFile {
  /** Path of the file, as given. */
  readonly path: string;
  /** What is written there. */
  readonly format: "pcap" | "pcapng";
}

/** What {@linkcode SinkKind.parse} throws: quotes the value and says what would be right. */
export function wrongForm(expected: string, text: string): RangeError {
  return new RangeError(`expected ${expected}, got ${JSON.stringify(text)}`);
}
