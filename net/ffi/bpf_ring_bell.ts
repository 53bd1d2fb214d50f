// SPDX-License-Identifier: MIT
/** Waiting for what a BPF program writes into a ring with BPF_RB_FORCE_WAKEUP, in a thread of the runtime's. @module */
import { errno, errnoName, libc, LIBC_NAMES, openLibrary } from "./libc.ts";

const SYMBOLS = {
  /** `int eventfd(unsigned int value, int flags)` */
  eventfd: { parameters: ["u32", "i32"], result: "i32" },
  /** `ssize_t write(int fd, const void *data, size_t length)` */
  write: { parameters: ["i32", "buffer", "usize"], result: "isize" },
  /** `int poll(struct pollfd *entries, nfds_t count, int timeout_ms)` */
  poll: { parameters: ["buffer", "usize", "i32"], result: "i32", nonblocking: true },
} as const satisfies Deno.ForeignLibraryInterface;

const EFD_CLOEXEC = 0o2000000;
const POLLFD_SIZE = 8;
const POLLIN = 1;
const FOREVER = -1;

export class BpfRingBell {
  readonly #symbols = openLibrary(LIBC_NAMES, SYMBOLS).symbols;
  readonly #end: number;
  readonly #entries = new DataView(new ArrayBuffer(2 * POLLFD_SIZE));
  #waiting: Promise<unknown> | undefined;

  /**
   * Throws an Error.
   *
   * @param ringFd Of the ring, which is to be open until {@linkcode close} has resolved.
   */
  constructor(ringFd: number) {
    this.#end = this.#symbols.eventfd(0, EFD_CLOEXEC);
    if (this.#end < 0) throw new Error(`Cannot wait for a ring: eventfd: ${errnoName(errno())}`);
    for (const [at, fd] of [ringFd, this.#end].entries()) {
      this.#entries.setInt32(at * POLLFD_SIZE, fd, true);
      this.#entries.setInt16(at * POLLFD_SIZE + 4, POLLIN, true);
    }
  }

  /** Resolves when there is something in the ring now, something urgent comes, or it is closed. One may wait at a time. */
  async rung(): Promise<void> {
    this.#waiting = this.#symbols.poll(new Uint8Array(this.#entries.buffer), 2n, FOREVER);
    await this.#waiting;
    this.#waiting = undefined;
  }

  /** Ends a wait; resolves when it is over. */
  async close(): Promise<void> {
    this.#symbols.write(this.#end, new Uint8Array(BigUint64Array.of(1n).buffer), 8n);
    await this.#waiting;
    libc().close(this.#end);
  }
}
