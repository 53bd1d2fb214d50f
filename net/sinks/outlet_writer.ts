// SPDX-License-Identifier: MIT
/** What an outlet writes to. @module */

/** Takes bytes at once, as far as it can. */
export interface OutletWriter {
  /** Takes some of the bytes, which are borrowed; answers how many, 0: none now. Throws when nothing will be taken any more. */
  write(bytes: Uint8Array<ArrayBuffer>): number;
  /** Keeps the caller until bytes would be taken, or for `ms`; absent: it cannot. */
  wait?(ms: number): void;
  /** Settles when what it took has left; absent: it has when it is taken. */
  settled?(): Promise<void>;
}

/** Bytes that are taken at a time. */
const PIECE_BYTES = 1 << 20;

/** For where bytes can only be written beside: one piece at a time, of which a copy is made. */
export class PieceWriter implements OutletWriter {
  readonly #write: (bytes: Uint8Array) => Promise<number>;
  #writing: Promise<void> | undefined;
  #failure: unknown;

  /** `write` accepts a part or all of the bytes and answers how many, as `Deno.stdout` and `Deno.Conn` do. */
  constructor(write: (bytes: Uint8Array) => Promise<number>) {
    this.#write = write;
  }

  write(bytes: Uint8Array<ArrayBuffer>): number {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#writing !== undefined) return 0;
    const piece = bytes.slice(0, PIECE_BYTES);
    this.#writing = this.#writeAll(piece).finally(() => this.#writing = undefined);
    return piece.length;
  }

  async settled(): Promise<void> {
    await this.#writing;
  }

  async #writeAll(piece: Uint8Array): Promise<void> {
    try {
      for (let at = 0; at < piece.length;) at += await this.#write(piece.subarray(at));
    } catch (error) {
      this.#failure = error;
    }
  }
}
