// SPDX-License-Identifier: MIT
/** Whether probes at returns of functions harm programs. Pure. @module */

/**
 * From Linux 6.11 on a return probe of x86-64 is a system call in the program. Until 6.14 seccomp filters saw it, most of which do not know
 * it, and the program ended. Kernels of these lines have been mended since; a distribution's that counts otherwise is not known to be.
 */
const MENDED: readonly (readonly [line: string, since: number])[] = [["6.11", Infinity], ["6.12", 20], [
  "6.13",
  8,
]];

/** Whether a kernel of this release, as `uname -r` says it, keeps return probes from seccomp filters. */
export function areReturnsHarmless(release: string): boolean {
  const [, line, patch = "0"] = /^(\d+\.\d+)(?:\.(\d+))?/.exec(release) ?? [];
  const mended = MENDED.find(([each]) => each === line);
  return mended === undefined || Number(patch) >= mended[1];
}
