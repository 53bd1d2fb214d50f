// SPDX-License-Identifier: MIT
/** Sizes and durations as people write them. @module */

const SIZE_UNITS: Readonly<Record<string, number>> = {
  "": 1,
  k: 2 ** 10,
  m: 2 ** 20,
  g: 2 ** 30,
  t: 2 ** 40,
};
/** Milliseconds; largest first. */
const DURATION_UNITS = { d: 86400e3, h: 3600e3, m: 60e3, s: 1e3, ms: 1 } as const;

/** Bytes of `64MiB`, `64M`, `64m` or `65536`; not a number when it is no size. */
export function parseSize(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?$/i.exec(text);
  const bytes = match ? Math.floor(Number(match[1]) * SIZE_UNITS[match[2].toLowerCase()]) : NaN;
  return Number.isSafeInteger(bytes) ? bytes : NaN;
}

/** In the largest unit that it is a multiple of. */
export function formatSize(bytes: number): string {
  if (bytes === 0) return "0";
  for (const unit of ["t", "g", "m", "k"]) {
    if (bytes % SIZE_UNITS[unit] === 0) return `${bytes / SIZE_UNITS[unit]}${unit.toUpperCase()}iB`;
  }
  return `${bytes}`;
}

/** Milliseconds of `90s`, `10m`, `1h` or `90`, which is seconds; not a number when it is no duration. */
export function parseDuration(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d|)$/.exec(text);
  return match ? Number(match[1]) * DURATION_UNITS[(match[2] || "s") as keyof typeof DURATION_UNITS] : NaN;
}

/** In the largest unit that it is a multiple of. */
export function formatDuration(ms: number): string {
  if (ms === 0) return "0";
  const [unit, length] = Object.entries(DURATION_UNITS).find(([, length]) => ms % length === 0) ?? ["ms", 1];
  return `${ms / length}${unit}`;
}
