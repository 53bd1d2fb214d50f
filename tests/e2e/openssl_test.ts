// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { missing } from "../support/run.ts";
import { judgeMissing } from "../ids/judge.ts";
import { skipIf } from "../support/skip.ts";
import { sha256 } from "../support/tshark.ts";
import { type Connection, get, put, type Request } from "./support/exchange.ts";
import { type Fixture, LARGE_SIZE, MEDIUM_SIZE, SMALL_SIZES, withFixture } from "./support/fixture.ts";
import { checkClient, checkServer } from "./support/mirrored.ts";

const lacking = missing("curl", "openssl", "tshark") ?? judgeMissing();

/** `openssl s_server -WWW` serves files of its folder and closes after each; uploads it does not take. */
async function checkServerOf(fixture: Fixture, hostname: "127.0.0.1" | "::1", sizes: readonly number[]) {
  const connections = sizes.map((size): Connection => [get(fixture.body(size))]);
  const address = hostname === "::1" ? "[::1]:0" : "127.0.0.1:0";
  await checkServer("source", fixture, {
    program: "openssl",
    role: "server",
    hostname,
    isLarge: sizes.includes(LARGE_SIZE),
    cwd: fixture.bodies,
    listening: /^ACCEPT .*:(\d+)/m,
    command: [
      ...["openssl", "s_server", "-accept", address, "-naccept", `${connections.length}`, "-WWW"],
      ...["-cert", fixture.certificate, "-key", fixture.key],
    ],
    clients: [connections],
  });
}

/** `openssl s_client` sends what it reads on standard input and prints what comes back. */
async function checkClientOf(
  fixture: Fixture,
  hostname: "127.0.0.1" | "::1",
  request: Request,
  stalls = false,
) {
  const { method, path, body } = request;
  const upload = method === "PUT" ? Deno.readFileSync(`${fixture.bodies}/${body.name}`) : new Uint8Array();
  const { ended } = await checkClient("source", fixture, {
    program: "openssl",
    role: "client",
    hostname,
    isLarge: body.length === LARGE_SIZE,
    stalls,
    command: ({ port }) => [
      ...["openssl", "s_client", "-connect", hostname === "::1" ? `[::1]:${port}` : `${hostname}:${port}`],
      ...["-quiet", "-nocommands", "-CAfile", fixture.certificate],
    ],
    input: ({ port }) => {
      const fields = `Host: localhost:${port}\r\nConnection: close\r\nContent-Length: ${upload.length}\r\n`;
      const head = new TextEncoder().encode(`${method} ${path} HTTP/1.1\r\n${fields}\r\n`);
      const whole = new Uint8Array(head.length + upload.length);
      whole.set(head);
      whole.set(upload, head.length);
      return whole;
    },
  });
  if (method === "GET") {
    assert.equal(sha256(ended.stdout.subarray(ended.stdout.length - body.length)), body.sha256);
  }
}

Deno.test({
  name: "openssl s_server over IPv4: 1 B to 1.5 MB",
  ...skipIf(lacking),
  fn: () => withFixture((fixture) => checkServerOf(fixture, "127.0.0.1", [...SMALL_SIZES, MEDIUM_SIZE])),
});

Deno.test({
  name: "openssl s_server over IPv6: 50 MB",
  ...skipIf(lacking),
  fn: () => withFixture((fixture) => checkServerOf(fixture, "::1", [LARGE_SIZE])),
});

Deno.test({
  name: "openssl s_client: 1 B to 1.5 MB, down over IPv6, up over IPv4",
  ...skipIf(lacking),
  fn: () =>
    withFixture(async (fixture) => {
      for (const size of [...SMALL_SIZES, MEDIUM_SIZE]) {
        await checkClientOf(fixture, "::1", get(fixture.body(size)));
        await checkClientOf(fixture, "127.0.0.1", put(fixture.body(size)));
      }
    }),
});

Deno.test({
  name: "openssl s_client: 50 MB, down over IPv4, up over IPv6",
  ...skipIf(lacking),
  fn: () =>
    withFixture(async (fixture) => {
      await checkClientOf(fixture, "127.0.0.1", get(fixture.body(LARGE_SIZE)));
      await checkClientOf(fixture, "::1", put(fixture.body(LARGE_SIZE)));
    }),
});

// It reads a kilobyte at a time, which fills the slots of a ring long before its bytes.
Deno.test({
  name: "openssl s_client: 50 MB down while the agent stalls",
  ...skipIf(lacking),
  fn: () =>
    withFixture((fixture) => checkClientOf(fixture, "127.0.0.1", get(fixture.body(LARGE_SIZE)), true)),
});
