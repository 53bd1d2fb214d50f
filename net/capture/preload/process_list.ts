// SPDX-License-Identifier: MIT
/**
 * Which processes there are, listed only when there may be others than before.
 *
 * @module
 */
import { cString, libc } from "../../ffi/libc.ts";

/** The number that the last process or thread of the reader's pid namespace got: kernels that can restore processes tell it. */
const LAST_PID = cString("/proc/sys/kernel/ns_last_pid");
/** A list is believed no longer: who restores processes chooses their numbers. */
const BELIEVED_MS = 10_000;

export class ProcessList {
  readonly #text = new Uint8Array(24);
  /** `/proc` shows the namespace whose last number is told. */
  readonly #isOwn = Deno.readLinkSync("/proc/self") === String(Deno.pid);
  /** As the kernel wrote the last number before the list was made; empty when it does not. */
  #lastPid = "";
  #listedMs = -Infinity;
  #pids: ReadonlySet<number> = new Set();

  /** Ids of the processes that `/proc` shows but this one; of those that have ended some may be left. */
  async now(): Promise<ReadonlySet<number>> {
    const lastPid = this.#readLastPid();
    const nowMs = performance.now();
    if (lastPid === "" || lastPid !== this.#lastPid || nowMs - this.#listedMs >= BELIEVED_MS) {
      this.#pids = await list();
      this.#lastPid = lastPid;
      this.#listedMs = nowMs;
    }
    return this.#pids;
  }

  #readLastPid(): string {
    if (!this.#isOwn) return "";
    const fd = libc().open(LAST_PID, 0, 0);
    if (fd < 0) return "";
    const length = Number(libc().pread(fd, this.#text, BigInt(this.#text.length), 0n));
    libc().close(fd);
    return String.fromCharCode(...this.#text.subarray(0, Math.max(0, length)));
  }
}

async function list(): Promise<Set<number>> {
  const pids = new Set<number>();
  for await (const { name } of Deno.readDir("/proc")) {
    const pid = Number(name);
    if (Number.isInteger(pid) && pid !== Deno.pid) pids.add(pid);
  }
  return pids;
}
