// SPDX-License-Identifier: MIT
/**
 * What holds the unmirrored side of a test back. Over loopback a connection's two ends and the agent share the same cores, and a
 * TLS library that gets one of them for itself outruns any reader: of a body larger than a ring, some would be lost whenever
 * the machine is busy with something else.
 *
 * @module
 */
import { fileExceeds } from "./fault_wait.ts";
import { limitReceiveBuffer } from "./receive_buffer.ts";

/** A gigabit a second. */
export const LINK_BYTES_PER_SECOND = 125_000_000;

/**
 * How far a capture may stay behind: a quarter of what a ring holds before the agent has seen it. A mirrored program may be ahead
 * of that by what the kernel takes from it: 4 MiB to be sent, and the receive buffer.
 */
const BEHIND_BYTES = 4 << 20;
const RECEIVE_BUFFER_BYTES = 256 << 10;
/** A capture is longer than the clear text in it by at least this: 54 bytes of headers and 32 of its block to 1460. */
const CAPTURE_OVERHEAD = 1.06;

/** The speed of a gigabit link and, with a capture file, that of the agent which writes it. */
export class Link {
  readonly #capture: string | undefined;
  readonly #startMs = performance.now();
  #bytes = 0;
  #awaited: Promise<unknown> | undefined;

  constructor(capture?: string) {
    this.#capture = capture;
  }

  /** A new connection, of which not more is to be under way than the link may be ahead of the agent. */
  open(connection: Deno.Conn<Deno.NetAddr>): void {
    if (this.#capture !== undefined) limitReceiveBuffer(connection, RECEIVE_BUFFER_BYTES);
  }

  /** Resolves when the link has carried these bytes too, which the program has read or written. */
  async carry(bytes: number): Promise<void> {
    this.#bytes += bytes;
    const aheadMs = 1000 * this.#bytes / LINK_BYTES_PER_SECOND - (performance.now() - this.#startMs);
    if (aheadMs >= 1) await new Promise((resolve) => setTimeout(resolve, aheadMs));
    const due = (this.#bytes - BEHIND_BYTES) * CAPTURE_OVERHEAD;
    if (this.#capture === undefined || due <= 0 || Deno.statSync(this.#capture).size >= due) return;
    await (this.#awaited ??= fileExceeds(this.#capture, due).finally(() => this.#awaited = undefined));
  }
}
