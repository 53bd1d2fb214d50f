// SPDX-License-Identifier: MIT
/**
 * A strict HTTP/1.1 reader: takes one connection's two directions apart into exchanges as an IDS that trusts the
 * framing does, and throws at anything a parser could stumble over. Written apart from the code it judges.
 *
 * @module
 */
import { textOf } from "./http2_frames.ts";

export interface Http1Message {
  /** Request line or status line. */
  readonly start: string;
  readonly fields: readonly (readonly [name: string, value: string])[];
  readonly body: Uint8Array;
  readonly trailers: readonly (readonly [name: string, value: string])[];
  readonly chunked: boolean;
  /** The connection ended inside it. */
  readonly cut: boolean;
}

export interface Http1Exchange {
  readonly method: string;
  readonly target: string;
  readonly status: number;
  readonly request: Http1Message;
  readonly response: Http1Message | undefined;
}

/** Value of a field, its lines joined; undefined when there is none. */
export function fieldOf(message: Http1Message, name: string): string | undefined {
  const values = message.fields.filter(([n]) => n.toLowerCase() === name.toLowerCase()).map(([, value]) =>
    value
  );
  return values.length === 0 ? undefined : values.join(", ");
}

class Reader {
  at = 0;
  constructor(readonly bytes: Uint8Array) {}

  get done(): boolean {
    return this.at === this.bytes.length;
  }

  /** A line without its end; undefined when the bytes end first. */
  line(): string | undefined {
    const end = this.bytes.indexOf(0x0a, this.at);
    if (end < 0) return undefined;
    if (end === this.at || this.bytes[end - 1] !== 0x0d) {
      throw new Error(`line at ${this.at} ends without CR`);
    }
    const text = textOf(this.bytes.subarray(this.at, end - 1));
    if (end + 1 - this.at > 16384) throw new Error(`line of ${end + 1 - this.at} bytes`);
    if (text.includes("\r") || text.includes("\0")) {
      throw new Error(`CR or NUL inside ${JSON.stringify(text)}`);
    }
    this.at = end + 1;
    return text;
  }

  take(length: number): Uint8Array {
    const bytes = this.bytes.subarray(this.at, this.at + length);
    this.at += bytes.length;
    return bytes;
  }

  fields(): (readonly [string, string])[] | undefined {
    const fields: (readonly [string, string])[] = [];
    for (;;) {
      const line = this.line();
      if (line === undefined) return undefined;
      if (line === "") return fields;
      const match = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+): ?(.*)$/s.exec(line);
      if (match === null) throw new Error(`no field: ${JSON.stringify(line)}`);
      fields.push([match[1], match[2]]);
    }
  }

  /**
   * `bodyless`: nothing follows the head, but chunks where a 204 or 304 announces them. `unframed`: not even those, and none may
   * be announced.
   */
  message(
    bodyless: (start: string) => boolean,
    unframed: (start: string) => boolean = () => false,
  ): Http1Message {
    const start = this.line();
    const fields = start === undefined ? undefined : this.fields();
    if (start === undefined || fields === undefined) throw new Error("connection ends inside a head");
    const valuesOf = (name: string) =>
      fields.filter(([n]) => n.toLowerCase() === name).map(([, value]) => value);
    const lengths = valuesOf("content-length");
    const encodings = valuesOf("transfer-encoding");
    if (lengths.length + encodings.length > 1) throw new Error("framed more than once");
    const message = { start, fields, body: new Uint8Array(), trailers: [], chunked: false, cut: false };
    if (encodings.length === 1) {
      if (unframed(start)) throw new Error(`chunks behind ${start}`);
      if (encodings[0] !== "chunked") throw new Error(`encoding ${encodings[0]}`);
      return { ...message, ...this.chunks(), chunked: true };
    }
    if (bodyless(start)) return message;
    if (lengths.length === 0) {
      if (start.startsWith("HTTP/")) throw new Error(`response without framing: ${start}`);
      return message;
    }
    if (!/^\d{1,15}$/.test(lengths[0])) throw new Error(`length ${lengths[0]}`);
    const body = this.take(Number(lengths[0]));
    return { ...message, body, cut: body.length < Number(lengths[0]) };
  }

  chunks(): { body: Uint8Array; trailers: (readonly [string, string])[]; cut: boolean } {
    const parts: Uint8Array[] = [];
    const body = () => Uint8Array.from(parts.flatMap((part) => [...part]));
    for (;;) {
      const line = this.line();
      if (line === undefined) return { body: body(), trailers: [], cut: true };
      if (!/^[0-9a-f]{1,8}$/.test(line)) throw new Error(`chunk size ${JSON.stringify(line)}`);
      const size = parseInt(line, 16);
      if (size === 0) {
        const trailers = this.fields();
        return { body: body(), trailers: trailers ?? [], cut: trailers === undefined };
      }
      if (size > 16384) throw new Error(`chunk of ${size}`);
      const part = this.take(size);
      parts.push(part);
      if (part.length < size) return { body: body(), trailers: [], cut: true };
      if (textOf(this.take(2)) !== "\r\n") throw new Error("chunk without its end");
    }
  }
}

export interface Http1Connection {
  readonly exchanges: Http1Exchange[];
  /** After an upgrade or CONNECT: the rest of each direction. */
  readonly tunnel: readonly [Uint8Array, Uint8Array] | undefined;
  /** Responses for which there was no request. */
  readonly orphans: Http1Message[];
}

export function readHttp1(toServer: Uint8Array, toClient: Uint8Array): Http1Connection {
  const requests = new Reader(toServer);
  const responses = new Reader(toClient);
  const exchanges: Http1Exchange[] = [];
  const orphans: Http1Message[] = [];
  if (textOf(toServer.subarray(0, 2)) === "\r\n") {
    // RFC 9112, section 2.2: an empty line before a request line is passed over; more of them are a fault here.
    requests.line();
  }
  while (!requests.done) {
    const request = requests.message(() => false);
    const match = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([\x21-\x7e\x80-\xff]+) HTTP\/1\.1$/.exec(request.start);
    if (match === null) throw new Error(`request line ${JSON.stringify(request.start)}`);
    const [, method, target] = match;
    if (responses.done) {
      exchanges.push({ method, target, status: 0, request, response: undefined });
      continue;
    }
    const opaque = (start: string) =>
      start.startsWith("HTTP/1.1 101 ") || method === "CONNECT" && /^\S+ 2/.test(start);
    const unframed = (start: string) => method === "HEAD" || opaque(start);
    const response = responses.message(
      (start) => unframed(start) || /^HTTP\/1\.1 (204|304) /.test(start),
      unframed,
    );
    exchanges.push({ method, target, status: statusOf(response), request, response });
    if (opaque(response.start)) {
      return {
        exchanges,
        orphans,
        tunnel: [requests.bytes.subarray(requests.at), responses.bytes.subarray(responses.at)],
      };
    }
  }
  while (!responses.done) orphans.push(responses.message((start) => /^HTTP\/1\.1 (204|304) /.test(start)));
  return { exchanges, orphans, tunnel: undefined };
}

function statusOf(response: Http1Message): number {
  const match = /^HTTP\/1\.1 ([1-9]\d\d) \S.*$/.exec(response.start);
  if (match === null) throw new Error(`status line ${JSON.stringify(response.start)}`);
  return Number(match[1]);
}
