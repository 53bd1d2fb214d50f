// SPDX-License-Identifier: MIT
/** The system's clocks. @module */
import { LIBC_NAMES, openLibrary } from "./libc.ts";

const SYMBOLS = {
  /** `int clock_gettime(clockid_t clock, struct timespec *time)` */
  clock_gettime: { parameters: ["i32", "buffer"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

const CLOCK_REALTIME = 0;
const CLOCK_MONOTONIC = 1;

let opened: Deno.DynamicLibrary<typeof SYMBOLS>["symbols"] | undefined;

function nanoseconds(clock: number): bigint {
  opened ??= openLibrary(LIBC_NAMES, SYMBOLS).symbols;
  const time = new BigInt64Array(2);
  opened.clock_gettime(clock, new Uint8Array(time.buffer));
  return time[0] * 1_000_000_000n + time[1];
}

/** CLOCK_MONOTONIC in nanoseconds, exact for 104 days of the system's running. */
export function monotonicNs(): number {
  return Number(nanoseconds(CLOCK_MONOTONIC));
}

/** What is to be added to a time of CLOCK_MONOTONIC to have that of CLOCK_REALTIME, as both are now. Nanoseconds. */
export function realtimeOffset(): bigint {
  return nanoseconds(CLOCK_REALTIME) - nanoseconds(CLOCK_MONOTONIC);
}
