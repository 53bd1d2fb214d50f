// SPDX-License-Identifier: MIT
/** The end of HTTP servers that may have answers under way. @module */

/** So long these are waited for. */
const GRACE_MS = 500;

/** Takes no more questions. What was answered may be read for a moment; who does not read keeps no process from its end. */
export async function endServers(servers: readonly Deno.HttpServer[]): Promise<void> {
  const { promise: late, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, GRACE_MS);
  for (const server of servers) server.unref();
  await Promise.race([late, Promise.all(servers.map((server) => server.shutdown()))]);
  clearTimeout(timer);
}
