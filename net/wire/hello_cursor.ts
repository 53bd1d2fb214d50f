// SPDX-License-Identifier: MIT
/** Reading of hellos of TLS whose end may be missing (RFC 8446 section 4.1). Pure. @module */

/** A hello as far as it is known: what it has said before it is cut off counts. */
export class HelloCursor {
  readonly #bytes: Uint8Array;
  #at: number;

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes;
    this.#at = at;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  /** A number of so many bytes; 0 behind the end. */
  number(size: number): number {
    let value = 0;
    for (let byte = 0; byte < size; byte++) value = value * 256 + (this.#bytes[this.#at++] ?? 0);
    return value;
  }

  /** The next `length` bytes, as far as they are there. */
  part(length: number): HelloCursor {
    return new HelloCursor(this.#bytes.subarray(0, this.#at + length), this.#at);
  }

  skip(length: number): void {
    this.#at += length;
  }

  /** The next `length` bytes; undefined where they are not all there. */
  take(length: number): Uint8Array | undefined {
    const end = this.#at + length;
    return end > this.#bytes.length ? undefined : this.#bytes.subarray(this.#at, this.#at = end);
  }
}
