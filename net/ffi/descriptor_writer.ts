// SPDX-License-Identifier: MIT
/** Writing to a descriptor without ever being kept waiting by whoever reads, on Linux. @module */
import { EAGAIN, EINTR, errno, errnoName, libc } from "./libc.ts";

const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const POLLOUT = 4;

/**
 * What keeps the calls from waiting: a socket is told so with each; a file or a device never makes anybody wait; a pipe must have
 * been opened with `O_NONBLOCK`.
 */
export type DescriptorKind = "socket" | "other";

/** Owns the descriptor. */
export class DescriptorWriter {
  readonly #fd: number;
  readonly #kind: DescriptorKind;
  readonly #poll = new Uint8Array(8);

  constructor(fd: number, kind: DescriptorKind) {
    this.#fd = fd;
    this.#kind = kind;
    const view = new DataView(this.#poll.buffer);
    view.setInt32(0, fd, true);
    view.setInt16(4, POLLOUT, true);
  }

  /** Takes some of the bytes; answers how many, 0: none now. Throws what the system answers, with its `code`. */
  write(bytes: Uint8Array<ArrayBuffer>): number {
    for (;;) {
      const length = BigInt(bytes.length);
      const taken = Number(
        this.#kind === "socket"
          ? libc().send(this.#fd, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL)
          : libc().write(this.#fd, bytes, length),
      );
      if (taken >= 0) return taken;
      const error = errno();
      if (error === EAGAIN) return 0;
      if (error === EINTR) continue;
      const code = errnoName(error);
      throw Object.assign(new Error(`cannot write: ${code}`), { code });
    }
  }

  /** Keeps this thread until bytes would be taken, or for `ms`. */
  wait(ms: number): void {
    libc().poll(this.#poll, 1n, Math.ceil(ms));
  }

  close(): void {
    libc().close(this.#fd);
  }
}
