// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { missing } from "../support/run.ts";
import { judgeMissing } from "../ids/judge.ts";
import { skipIf } from "../support/skip.ts";
import { type Connection, get, large, put, smallAndMedium } from "./support/exchange.ts";
import { type Fixture, SMALL_SIZES, withFixture } from "./support/fixture.ts";
import { checkServer, type Mirrored, type ServerTest } from "./support/mirrored.ts";

const lacking = missing("python3", "curl", "openssl", "tshark") ?? judgeMissing();
const PROGRAM = fileURLToPath(new URL("programs/https_server.py", import.meta.url));

type Style = "blocking" | "threaded" | "prefork" | "asyncio";

/** Python's server of this style, mirrored, serves unmirrored curls and gets whole bodies. */
async function checkPython(
  style: Style,
  fixture: Fixture,
  test: Pick<ServerTest, "hostname" | "clients" | "first" | "isLarge">,
): Promise<Mirrored> {
  const { certificate, key, bodies } = fixture;
  const connections: Connection[] = [...test.first ?? [], ...test.clients].flat();
  const mirrored = await checkServer("source", fixture, {
    ...test,
    program: "python3",
    role: "server",
    listening: /^listening (\d+)$/m,
    command: [
      ...["/usr/bin/python3", PROGRAM, style, test.hostname, certificate, key, bodies],
      `${connections.length}`,
    ],
  });
  const [, ...received] = new TextDecoder().decode(mirrored.ended.stdout).trim().split("\n");
  const uploads = connections.flat().filter(({ method }) => method === "PUT").map(({ body }) => body.sha256);
  assert.deepEqual(received.sort(), uploads.sort());
  return mirrored;
}

for (const style of ["blocking", "asyncio"] as const) {
  Deno.test({
    name: `a Python server, ${style}, over IPv6: 1 B to 1.5 MB both ways`,
    ...skipIf(lacking),
    fn: () =>
      withFixture(async (fixture) => {
        await checkPython(style, fixture, { hostname: "::1", clients: [smallAndMedium(fixture)] });
      }),
  });
  Deno.test({
    name: `a Python server, ${style}, over IPv4: 50 MB both ways${
      style === "blocking" ? ", sent by a single call" : ""
    }`,
    ...skipIf(lacking),
    fn: () =>
      withFixture(async (fixture) => {
        const clients = [large(fixture)];
        await checkPython(style, fixture, { hostname: "127.0.0.1", clients, isLarge: true });
      }),
  });
}

/** One connection with small bodies both ways. */
function small(fixture: Fixture): Connection {
  return SMALL_SIZES.map((size) => fixture.body(size)).flatMap((body) => [get(body), put(body)]);
}

Deno.test({
  name: "a threaded server with six clients at a time",
  ...skipIf(lacking),
  fn: () =>
    withFixture(async (fixture) => {
      const clients = Array.from({ length: 6 }, () => [small(fixture)]);
      await checkPython("threaded", fixture, { hostname: "127.0.0.1", clients });
    }),
});

Deno.test({
  name: "a pre-forking server: the parent serves a client, then three children share six at a time",
  ...skipIf(lacking),
  fn: () =>
    withFixture(async (fixture) => {
      const clients = Array.from({ length: 6 }, () => [small(fixture)]);
      const first = [[small(fixture)]];
      const { summary } = await checkPython("prefork", fixture, { hostname: "127.0.0.1", first, clients });
      assert.equal(new Set(summary.programs.filter(({ flows }) => flows > 0).map(({ pid }) => pid)).size, 4);
    }),
});
