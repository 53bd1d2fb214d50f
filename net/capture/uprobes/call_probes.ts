// SPDX-License-Identifier: MIT
/** Whether probes at instructions that call harm programs. Pure. @module */
import { isSince } from "./release.ts";

/**
 * The kernel calls in the program's place there. Since Linux 6.6 programs of x86-64 may have shadow stacks, which it did not write to before
 * 6.18: such a program ended when the function returned.
 *
 * @param release as `uname -r` says it
 * @param processors how `/proc/cpuinfo` begins
 */
export function areCallsHarmless(release: string, processors: string): boolean {
  const haveShadowStacks = /^flags\b.* user_shstk\b/m.test(processors);
  return !haveShadowStacks || !isSince(release, [6, 6]) || isSince(release, [6, 18]);
}
