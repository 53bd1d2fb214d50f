// SPDX-License-Identifier: MIT
/** Programs of the rows as they are started, whatever looks at them. @module */
import { until } from "../support/until.ts";
import { Child } from "../e2e/support/child.ts";
import type { Fixture } from "../e2e/support/fixture.ts";
import type { ServerRow } from "./rows.ts";

/** For so long a server may take to serve. */
const START_MS = 20_000;

/** What a client's script finds: its peer is at `port`. */
export function clientEnvironment({ certificate: CERTIFICATE, folder: SHARED }: Fixture, port: number) {
  return { URL: `https://127.0.0.1:${port}/page`, PORT: String(port), CERTIFICATE, SHARED };
}

/** Starts a server that is to listen at `port`, with `environment` besides what its script finds. */
export function startServer(
  { script }: ServerRow,
  { certificate: CERTIFICATE, key: KEY, folder }: Fixture,
  port: number,
  environment: Readonly<Record<string, string>> = {},
): Child {
  const env = { ...environment, PORT: String(port), CERTIFICATE, KEY, HOME: folder };
  return new Child("/bin/sh", { args: ["-c", script], cwd: folder, env });
}

/** What `see` sees of a server once it serves; throws when that takes too long. */
export function whenServing<T>(
  { program }: ServerRow,
  see: () => Promise<T | undefined | false>,
): Promise<T> {
  const endMs = performance.now() + START_MS;
  return until(`${program} to serve`, async () => {
    if (performance.now() > endMs) throw new Error(`${program} does not serve`);
    return await see();
  }, 20);
}
