// SPDX-License-Identifier: MIT
/** HTTP/1.1 as the unmirrored side of a test reads it from TLS. @module */
import { createHash } from "node:crypto";

/** Bytes that are read or written at a time. */
export const CHUNK_BYTES = 1 << 16;

/** Reads heads and bodies of one connection. */
export class MessageReader {
  readonly #connection: Deno.TlsConn;
  readonly #carried: (bytes: number) => Promise<void>;
  readonly #chunk = new Uint8Array(CHUNK_BYTES);
  #rest: Uint8Array = new Uint8Array();

  /** `carried` is told of all that is read, and waited for. */
  constructor(connection: Deno.TlsConn, carried: (bytes: number) => Promise<void>) {
    this.#connection = connection;
    this.#carried = carried;
  }

  /** At least one byte, or `undefined` at the end; borrowed until the next call. */
  async #more(): Promise<Uint8Array | undefined> {
    let length: number | null;
    try {
      length = await this.#connection.read(this.#chunk);
    } catch (error) {
      // Many clients close without saying so in TLS.
      if (!(error instanceof Deno.errors.UnexpectedEof)) throw error;
      return undefined;
    }
    if (length === null) return undefined;
    await this.#carried(length);
    return this.#chunk.subarray(0, length);
  }

  async head(): Promise<string | undefined> {
    const decoder = new TextDecoder("latin1");
    for (;;) {
      const text = decoder.decode(this.#rest);
      const end = text.indexOf("\r\n\r\n");
      if (end >= 0) {
        this.#rest = this.#rest.slice(end + 4);
        return text.slice(0, end);
      }
      const more = await this.#more();
      if (!more) return undefined;
      const joined = new Uint8Array(this.#rest.length + more.length);
      joined.set(this.#rest);
      joined.set(more, this.#rest.length);
      this.#rest = joined;
    }
  }

  /** SHA-256 of the next `length` bytes. */
  async body(length: number): Promise<string> {
    const hash = createHash("sha256");
    let left = length;
    while (left > 0) {
      const part = this.#rest.length > 0 ? this.#rest : await this.#more();
      if (!part) throw new Error(`a body ended ${left} bytes too early`);
      const used = Math.min(left, part.length);
      hash.update(part.subarray(0, used));
      left -= used;
      this.#rest = part.slice(used);
    }
    return hash.digest("hex");
  }
}

/** Writes it all; `carried` is told of every part, and waited for. */
export async function writeAll(
  connection: Deno.TlsConn,
  bytes: Uint8Array,
  carried: (bytes: number) => Promise<void>,
): Promise<void> {
  for (let at = 0; at < bytes.length;) {
    const count = await connection.write(bytes.subarray(at, at + CHUNK_BYTES));
    at += count;
    await carried(count);
  }
}

/** Value of a field, without the space around it. */
export function headField(head: string, name: string): string | undefined {
  return new RegExp(`^${name}: *(.*?) *$`, "im").exec(head)?.[1];
}
