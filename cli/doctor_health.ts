// SPDX-License-Identifier: MIT
/** What mends a running agent or collector, by the reason that it gives for being degraded. @module */

/** In the words of its health; the first that fits counts. */
const MENDS: readonly (readonly [reason: RegExp, fix: string])[] = [
  [/^certificate (\S+) (?:has expired|is valid for)/, "sslcollector pki renew $1, where the CA is"],
  [/ takes no more packets$/, "its log says why; start it again when that is mended"],
  [/^(\S+) is down$/, "ip link set $1 up"],
  [/ is not connected/, "sslcollector doctor, on the collector's host"],
  [/ drops packets: .*spool-full/, "a larger --spool-max, or more bandwidth to the collector"],
  [/ drops packets: .*queue-full/, "a larger --queue or a --spool, or more bandwidth to the collector"],
  [/^agent (\S+) is away/, "sslcollector doctor, on the host of $1"],
  [/^agent (\S+) loses packets/, "sslcollector status, on the host of $1"],
  [/^clear text is lost: .*ring-full/, "more CPU time for the agent, or a larger --memory"],
];

/** What would help, or where to look. */
export function mendOf(reason: string): string {
  for (const [pattern, fix] of MENDS) {
    const [found] = pattern.exec(reason) ?? [];
    if (found !== undefined) return found.replace(pattern, fix);
  }
  return "its log, and docs/operating.md";
}
