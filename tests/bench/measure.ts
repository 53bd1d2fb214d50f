// SPDX-License-Identifier: MIT
/** Figures out of a run: medians, spreads, CPU time of other processes. @module */

export interface Spread {
  readonly minimum: number;
  readonly median: number;
  readonly maximum: number;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

export function spread(values: readonly number[]): Spread {
  return { minimum: Math.min(...values), median: median(values), maximum: Math.max(...values) };
}

/** `1.04 (1.01 to 1.09)`: median, then range. */
export function ratioText({ minimum, median, maximum }: Spread): string {
  return `${median.toFixed(3)} (${minimum.toFixed(2)} to ${maximum.toFixed(2)})`;
}

/** Nanoseconds that all threads of a process ran so far, of the threads that live. */
export function cpuNs(pid: number): number {
  let sum = 0;
  for (const { name } of Deno.readDirSync(`/proc/${pid}/task`)) {
    sum += Number(Deno.readTextFileSync(`/proc/${pid}/task/${name}/schedstat`).split(" ")[0]);
  }
  return sum;
}

/** Resident bytes of a process. */
export function residentBytes(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(Deno.readTextFileSync(`/proc/${pid}/status`))?.[1] ?? 0) * 1024;
}
