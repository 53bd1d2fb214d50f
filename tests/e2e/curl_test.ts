// SPDX-License-Identifier: MIT
import { missing } from "../support/run.ts";
import { judgeMissing } from "../ids/judge.ts";
import { skipIf } from "../support/skip.ts";
import { type Mode, modeMissing, MODES } from "./support/sslcollector.ts";
import { checkDownloads, curlArguments } from "./support/curl.ts";
import { type Connection, large, smallAndMedium } from "./support/exchange.ts";
import { type Fixture, withFixture } from "./support/fixture.ts";
import { checkClient } from "./support/mirrored.ts";

const lacking = missing("curl", "openssl", "tshark") ?? judgeMissing();

/** curl, mirrored, makes these requests. */
async function checkCurl(
  mode: Mode,
  fixture: Fixture,
  hostname: "127.0.0.1" | "::1",
  connections: readonly Connection[],
  isLarge = false,
): Promise<void> {
  await checkClient(mode, fixture, {
    program: "curl",
    role: "client",
    hostname,
    isLarge,
    command: (target) => ["curl", ...curlArguments(connections, target, fixture)],
  });
  checkDownloads(connections, fixture);
}

for (const mode of MODES) {
  Deno.test({
    name: `run (${mode}) mirrors curl over IPv4: 1 B to 1.5 MB both ways`,
    ...skipIf(lacking, modeMissing(mode)),
    fn: () => withFixture((fixture) => checkCurl(mode, fixture, "127.0.0.1", smallAndMedium(fixture))),
  });
}

Deno.test({
  name: "run mirrors curl over IPv6: 1 B to 1.5 MB both ways",
  ...skipIf(lacking),
  fn: () => withFixture((fixture) => checkCurl("source", fixture, "::1", smallAndMedium(fixture))),
});

Deno.test({
  name: "run mirrors curl over IPv4: 50 MB both ways",
  ...skipIf(lacking),
  fn: () => withFixture((fixture) => checkCurl("source", fixture, "127.0.0.1", large(fixture), true)),
});

Deno.test({
  name: "run (binary) mirrors curl over IPv6: 50 MB both ways",
  ...skipIf(lacking, modeMissing("binary")),
  fn: () => withFixture((fixture) => checkCurl("binary", fixture, "::1", large(fixture), true)),
});
