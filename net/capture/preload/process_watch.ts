// SPDX-License-Identifier: MIT
/**
 * Whether mirrored processes still live, asked of the kernel.
 *
 * @module
 */
import { errno, ESRCH, libc, SYS_PIDFD_OPEN } from "../../ffi/libc.ts";

const POLLFD_SIZE = 8;
const POLLIN = 1;

/** A process that is watched. Without pidfds (or rights to them) signal 0 is asked instead. */
export interface WatchedProcess {
  readonly pid: number;
  /** -1 where there is none. */
  readonly pidfd: number;
  dead: boolean;
}

/** Notices that processes have ended: one system call for all of them. */
export class ProcessWatch {
  /** How often each is watched. */
  readonly #watched = new Map<WatchedProcess, number>();
  readonly #living = new Map<number, WatchedProcess>();
  #entries = new DataView(new ArrayBuffer(64 * POLLFD_SIZE));

  /**
   * Begins to watch `pid`; 0 is a process that this namespace cannot see, which counts as living. `peer` is a pidfd of the process
   * that is meant, which is taken over, or -1 where it is gone: its number may be another's by now.
   */
  watch(pid: number, peer?: number): WatchedProcess {
    const known = this.#living.get(pid);
    if (known !== undefined && peer !== -1 && this.isAlive(known)) {
      if (peer !== undefined) libc().close(peer);
      this.#watched.set(known, this.#watched.get(known)! + 1);
      return known;
    }
    let pidfd = peer ?? -1;
    let dead = peer === -1;
    if (pid > 0 && peer === undefined) {
      pidfd = Number(libc().pidfd_open(SYS_PIDFD_OPEN, BigInt(pid), 0n));
      if (pidfd < 0 && errno() === ESRCH) dead = true;
    }
    const process = { pid, pidfd, dead };
    this.#watched.set(process, 1);
    if (!dead) this.#living.set(pid, process);
    return process;
  }

  /** Whether it lives at this moment: what was read of its number before then was of it. */
  isAlive(process: WatchedProcess): boolean {
    if (!process.dead && process.pidfd >= 0) {
      this.#entries.setInt32(0, process.pidfd, true);
      this.#entries.setInt32(4, POLLIN, true);
      process.dead = libc().poll(new Uint8Array(this.#entries.buffer), 1n, 0) > 0;
    }
    return !process.dead;
  }

  /** Ends one {@linkcode watch}. */
  forget(process: WatchedProcess): void {
    const times = this.#watched.get(process);
    if (times === undefined) return;
    if (times > 1) {
      this.#watched.set(process, times - 1);
      return;
    }
    this.#watched.delete(process);
    if (this.#living.get(process.pid) === process) this.#living.delete(process.pid);
    if (process.pidfd >= 0) libc().close(process.pidfd);
  }

  /** Sets `dead` of every process that has ended; answers whether any newly did. */
  look(): boolean {
    let found = false;
    const polled: WatchedProcess[] = [];
    for (const process of this.#watched.keys()) {
      if (process.dead) continue;
      if (process.pidfd >= 0) polled.push(process);
      else if (process.pid > 0 && libc().kill(process.pid, 0) !== 0 && errno() === ESRCH) {
        process.dead = found = true;
      }
    }
    if (polled.length === 0) return found;
    if (this.#entries.byteLength < polled.length * POLLFD_SIZE) {
      this.#entries = new DataView(new ArrayBuffer(2 * polled.length * POLLFD_SIZE));
    }
    for (let i = 0; i < polled.length; i++) {
      this.#entries.setInt32(i * POLLFD_SIZE, polled[i].pidfd, true);
      this.#entries.setInt32(i * POLLFD_SIZE + 4, POLLIN, true);
    }
    if (libc().poll(new Uint8Array(this.#entries.buffer), BigInt(polled.length), 0) > 0) {
      for (let i = 0; i < polled.length; i++) {
        if (this.#entries.getInt16(i * POLLFD_SIZE + 6, true) !== 0) polled[i].dead = found = true;
      }
    }
    return found;
  }

  close(): void {
    for (const { pidfd } of this.#watched.keys()) if (pidfd >= 0) libc().close(pidfd);
    this.#watched.clear();
    this.#living.clear();
  }
}
