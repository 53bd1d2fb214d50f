// SPDX-License-Identifier: MIT
/** One direction of what a decoding session writes. @module */
import type { CodecOutput } from "../codec.ts";
import type { Direction } from "../direction.ts";

/** Bytes that pass as they came are written together, as they would be without the codec. */
export class Outlet {
  writtenBytes = 0;
  #passing: Uint8Array | undefined;

  constructor(readonly output: CodecOutput, readonly direction: Direction) {}

  /** Borrowed until the next {@linkcode flush}. */
  pass(bytes: Uint8Array): void {
    const before = this.#passing;
    if (
      before !== undefined && before.buffer === bytes.buffer &&
      before.byteOffset + before.length === bytes.byteOffset
    ) {
      this.#passing = new Uint8Array(before.buffer, before.byteOffset, before.length + bytes.length);
      return;
    }
    this.flush();
    this.#passing = bytes;
  }

  write(bytes: Uint8Array): void {
    this.flush();
    this.#write(bytes);
  }

  gap(lengthBytes: number): void {
    this.flush();
    this.writtenBytes += lengthBytes;
    this.output.gap(0, this.direction, lengthBytes);
  }

  flush(): void {
    const passing = this.#passing;
    this.#passing = undefined;
    if (passing !== undefined) this.#write(passing);
  }

  #write(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.writtenBytes += bytes.length;
    this.output.write(0, this.direction, bytes);
  }
}
