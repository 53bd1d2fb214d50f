// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { missing } from "../support/run.ts";
import { judgeMissing } from "../ids/judge.ts";
import { skipIf } from "../support/skip.ts";
import { type Connection, get, large, put, smallAndMedium } from "./support/exchange.ts";
import { type Fixture, SMALL_SIZES, withFixture } from "./support/fixture.ts";
import { checkClient } from "./support/mirrored.ts";

const lacking = missing("python3", "openssl", "tshark") ?? judgeMissing();
const PROGRAM = fileURLToPath(new URL("programs/https_client.py", import.meta.url));

type Style = "blocking" | "asyncio" | "closing";

/** Python's client of this style, mirrored, makes these requests and gets whole bodies. */
async function checkPython(
  style: Style,
  fixture: Fixture,
  hostname: "127.0.0.1" | "::1",
  connections: readonly Connection[],
  isLarge = false,
): Promise<void> {
  const words = connections.map((requests) =>
    requests.map(({ method, path }) => `${method}:${path}`).join(",")
  );
  const { certificate, bodies } = fixture;
  const { ended } = await checkClient("source", fixture, {
    program: "python3",
    role: "client",
    hostname,
    isLarge,
    command: (target) => [
      ...["/usr/bin/python3", PROGRAM, style, hostname, `${target.port}`, certificate, bodies],
      ...words,
    ],
  });
  const downloads = connections.flat().filter(({ method }) => method === "GET").map(({ body }) =>
    body.sha256
  );
  assert.deepEqual(new TextDecoder().decode(ended.stdout).trim().split("\n"), downloads);
}

for (const style of ["blocking", "asyncio"] as const) {
  Deno.test({
    name: `a Python client, ${style}, over IPv4: 1 B to 1.5 MB both ways`,
    ...skipIf(lacking),
    fn: () => withFixture((fixture) => checkPython(style, fixture, "127.0.0.1", smallAndMedium(fixture))),
  });
}

Deno.test({
  name: "a Python client, asyncio, over IPv6: 50 MB both ways",
  ...skipIf(lacking),
  fn: () => withFixture((fixture) => checkPython("asyncio", fixture, "::1", large(fixture), true)),
});

Deno.test({
  name: "a Python client, blocking, over IPv6: 50 MB both ways, sent by a single call",
  ...skipIf(lacking),
  fn: () => withFixture((fixture) => checkPython("blocking", fixture, "::1", large(fixture), true)),
});

Deno.test({
  name: "a program that closes descriptors it does not know at start and between connections",
  ...skipIf(lacking),
  fn: () =>
    withFixture((fixture) => {
      const exchanges = SMALL_SIZES.map((size) => fixture.body(size)).map((body) => [get(body), put(body)]);
      return checkPython("closing", fixture, "127.0.0.1", exchanges);
    }),
});
