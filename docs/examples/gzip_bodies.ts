// SPDX-License-Identifier: MIT
/**
 * Decodes gzip bodies of HTTP/1.1, so that an IDS sees what they say: `--codec http2to1:encodings=keep,./gzip_bodies.ts`, or alone.
 * The built-in codec `decode` does more; this one shows how such a codec is made.
 *
 * A message with `Content-Encoding: gzip` is kept until it is whole, and written without that field and with its new
 * length. What is too large, does not decode or is cut off passes as it came, and so does everything else, at once.
 */
import { Buffer } from "node:buffer";
import { gunzipSync } from "node:zlib";
import type { CodecOutput, CodecSession, CodecSettings, CodecValues, CodecWithSettings, Direction } from "../../codecs/codec.ts";

/** Heads and lines are looked for in so much; http2to1 writes no longer ones. */
const HEAD_MAX = 256 * 1024;

const settings = {
  "encoded": {
    type: "size",
    default: 4 * 1024 * 1024,
    description: "kept of one message until it is whole; larger ones pass as they came",
  },
  "decoded": {
    type: "size",
    default: 16 * 1024 * 1024,
    minimum: 1,
    description: "of a body at most, or a small one could fill the memory",
  },
  // An IDS inspects 1 MiB of a connection, and decoded bodies are longer.
  "reopen-after": {
    type: "size",
    default: 512 * 1024,
    description: "behind so much the next request opens a connection anew",
  },
} as const satisfies CodecSettings;

/** What comes next; `opaque`: bytes that are no message, or one whose end cannot be told. */
type State = "head" | "body" | "size" | "chunk" | "trailers" | "opaque";

/** One direction of a connection. */
class Reader {
  state: State = "head";
  /** Came, but not enough of it to go on. */
  input: Buffer = Buffer.alloc(0);
  /** Bytes to come of a body or chunk. */
  left = 0;
  /** The message as it came, while it is kept to be decoded. */
  kept: Buffer[] | undefined;
  keptLength = 0;
  /** Of the message that is kept: head, pieces of the body, trailer lines. */
  head = "";
  body: Buffer[] = [];
  trailers = "";
}

class GzipSession implements CodecSession {
  readonly #readers = [new Reader(), new Reader()] as const;
  /** Of requests that have no response so far: one to HEAD has no body. */
  readonly #methods: string[] = [];
  #written = 0;

  constructor(readonly output: CodecOutput, readonly values: CodecValues<typeof settings>) {}

  data(direction: Direction, bytes: Uint8Array): void {
    const reader = this.#readers[direction];
    reader.input = Buffer.concat([reader.input, bytes]); // a copy: `bytes` is borrowed
    while (reader.input.length > 0 && this.#step(direction, reader));
  }

  gap(direction: Direction, length: number): void {
    const reader = this.#readers[direction];
    this.#letGo(direction, reader);
    this.#consume(direction, reader, reader.input.length);
    this.output.gap(0, direction, length);
    // Inside a body of known length its end is where it was; anywhere else nobody knows.
    if (reader.state === "body" && reader.left >= length) {
      reader.left -= length;
      if (reader.left === 0) reader.state = "head";
    } else {
      reader.state = "opaque";
    }
  }

  end(direction: Direction): void {
    const reader = this.#readers[direction];
    this.#letGo(direction, reader);
    this.#consume(direction, reader, reader.input.length);
  }

  /** Takes the next part of a message; false when more bytes are needed. */
  #step(direction: Direction, reader: Reader): boolean {
    const { state, input } = reader;
    if (state === "opaque") {
      this.#consume(direction, reader, input.length);
    } else if (state === "body" || state === "chunk") {
      const length = Math.min(reader.left, input.length);
      if (reader.kept) reader.body.push(input.subarray(0, length));
      this.#consume(direction, reader, length);
      reader.left -= length;
      if (reader.left === 0 && state === "chunk") reader.state = "size";
      else if (reader.left === 0) this.#finish(direction, reader);
    } else {
      const ending = state === "head" ? "\r\n\r\n" : "\r\n";
      const end = input.indexOf(ending);
      if (end < 0 && input.length <= HEAD_MAX) return false;
      if (end < 0) this.#giveUp(direction, reader);
      else this.#line(direction, reader, input.toString("latin1", 0, end), end + ending.length);
    }
    return true;
  }

  /** A head, or a line of the chunked coding, with `length` bytes in all. */
  #line(direction: Direction, reader: Reader, text: string, length: number): void {
    if (reader.state === "head") return this.#begin(direction, reader, text, length);
    this.#consume(direction, reader, length);
    if (reader.state === "trailers") {
      if (text === "") this.#finish(direction, reader);
      else if (reader.kept) reader.trailers += `${text}\r\n`;
    } else if (text !== "") { // an empty line is the end of the chunk before
      const size = /^[0-9a-f]{1,8}(?=;|$)/i.exec(text);
      if (!size) return this.#giveUp(direction, reader);
      reader.left = parseInt(size[0], 16);
      reader.state = reader.left > 0 ? "chunk" : "trailers";
    }
  }

  /** A head: what body belongs to it? */
  #begin(direction: Direction, reader: Reader, head: string, length: number): void {
    const status = direction === 1 ? Number(/^HTTP\/1\.[01] (\d{3})/.exec(head)?.[1] ?? 0) : 0;
    const method = direction === 0 ? /^(?:\r\n)?(\S+) \S+ HTTP\/1\.[01](?=\r\n|$)/.exec(head)?.[1] : this.#methods[0];
    if (direction === 0 && method !== undefined) {
      if (this.#written > this.values["reopen-after"] && this.#methods.length === 0) {
        this.output.close(0, "fin");
        this.#written = 0;
      }
      this.#methods.push(method);
    }
    if (status >= 200) this.#methods.shift();

    const declared = field(head, "content-length");
    const isChunked = field(head, "transfer-encoding")?.toLowerCase() === "chunked";
    const isTunnel = status === 101 || method === "CONNECT" && status >= 200 && status < 300;
    const hasNoBody = direction === 1
      ? status < 200 || status === 204 || status === 304 || method === "HEAD"
      : declared === undefined && !isChunked;
    reader.left = Number(declared ?? 0);
    const isMessage = direction === 0 ? method !== undefined : status > 0;
    if (isTunnel) {
      this.#giveUp(0, this.#readers[0]);
      this.#giveUp(1, this.#readers[1]);
    } else if (!isMessage) reader.state = "opaque";
    else if (hasNoBody || !isChunked && reader.left === 0 && declared !== undefined) reader.state = "head";
    else if (isChunked) reader.state = "size";
    else reader.state = /^\d{1,15}$/.test(declared ?? "") ? "body" : "opaque";
    const hasBody = reader.state === "body" || reader.state === "size";
    if (hasBody && /^(x-)?gzip$/i.test(field(head, "content-encoding") ?? "")) {
      reader.kept = [];
      reader.head = head;
      reader.trailers = "";
    }
    this.#consume(direction, reader, length);
  }

  /** The message is whole. */
  #finish(direction: Direction, reader: Reader): void {
    reader.state = "head";
    if (!reader.kept) return;
    let body: Uint8Array;
    try {
      body = gunzipSync(Buffer.concat(reader.body), { maxOutputLength: this.values.decoded });
    } catch {
      this.output.count("gzip-not-decoded");
      return this.#letGo(direction, reader);
    }
    const lines = reader.head.split("\r\n").filter((line) =>
      !/^(content-encoding|content-length|transfer-encoding):/i.test(line)
    );
    // Trailers need the chunked coding: one chunk then.
    const isChunked = reader.trailers !== "";
    lines.push(isChunked ? "Transfer-Encoding: chunked" : `Content-Length: ${body.length}`, "", "");
    const head = Buffer.from(lines.join("\r\n"), "latin1");
    const before = isChunked && body.length > 0 ? `${body.length.toString(16)}\r\n` : "";
    const after = isChunked ? `${before && "\r\n"}0\r\n${reader.trailers}\r\n` : "";
    reader.kept = undefined;
    this.#write(
      direction,
      Buffer.concat([head, Buffer.from(before), body, Buffer.from(after, "latin1")]),
    );
    this.output.count("gzip-decoded");
    this.#forget(reader);
  }

  /** Moves on by so much of the input, which is kept or written. */
  #consume(direction: Direction, reader: Reader, length: number): void {
    const bytes = reader.input.subarray(0, length);
    reader.input = reader.input.subarray(length);
    if (!reader.kept) return this.#write(direction, bytes);
    reader.kept.push(bytes);
    reader.keptLength += length;
    if (reader.keptLength > this.values.encoded) this.#letGo(direction, reader);
  }

  /** What is kept passes as it came; the end of the message is looked for all the same. */
  #letGo(direction: Direction, reader: Reader): void {
    const { kept } = reader;
    this.#forget(reader);
    for (const bytes of kept ?? []) this.#write(direction, bytes);
  }

  #giveUp(direction: Direction, reader: Reader): void {
    this.#letGo(direction, reader);
    reader.state = "opaque";
  }

  #forget(reader: Reader): void {
    reader.kept = undefined;
    reader.keptLength = 0;
    reader.body = [];
  }

  #write(direction: Direction, bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#written += bytes.length;
    this.output.write(0, direction, bytes);
  }
}

function field(head: string, name: string): string | undefined {
  return new RegExp(`^${name}:(.*)$`, "im").exec(head)?.[1].trim();
}

const gzipBodies: CodecWithSettings<typeof settings> = {
  name: "gzip_bodies",
  contract: 1,
  description: "gzip bodies of HTTP/1.1 decoded",
  settings,
  configure: (values) => ({
    probe: () => "accept",
    open: (_flow, output) => new GzipSession(output, values),
  }),
};

export default gzipBodies;
