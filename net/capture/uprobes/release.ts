// SPDX-License-Identifier: MIT
/** Releases of Linux. Pure. @module */

export type Release = readonly [major: number, minor: number];

/** Whether a kernel is of that release or a later one. */
export function isSince(release: string, [leastMajor, leastMinor]: Release): boolean {
  const [major = 0, minor = 0] = release.split(".").map(Number);
  return major > leastMajor || (major === leastMajor && minor >= leastMinor);
}
