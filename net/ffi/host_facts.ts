// SPDX-License-Identifier: MIT
/** What libc knows of the host. @module */
import { libc } from "./libc.ts";

/** `struct timex` on 64-bit machines. */
const TIMEX_BYTES = 208;
const TIMEX_STATUS = 40;
const STATUS_UNSYNCHRONIZED = 0x40;

/** Whether something holds the clock against others, by the kernel's word; undefined where it may not be asked. */
export function isClockSynchronized(): boolean | undefined {
  const clock = new Uint8Array(TIMEX_BYTES);
  if (libc().adjtimex(clock) < 0) return undefined;
  return (new DataView(clock.buffer).getInt32(TIMEX_STATUS, true) & STATUS_UNSYNCHRONIZED) === 0;
}

/** Version of the glibc that this process has, such as `2.36`; undefined: it is another C library. */
export function glibcVersion(): string | undefined {
  const text = libc().gnu_get_libc_version?.();
  return text ? Deno.UnsafePointerView.getCString(text) : undefined;
}
