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

/** `openssl s_client` sends what it reads on standard input and prints what comes back: one of them for each request. */
async function checkClientOf(
  fixture: Fixture,
  hostname: "127.0.0.1" | "::1",
  requests: readonly Request[],
  stalls = false,
) {
  const files = requests.map(() => fixture.path(crypto.randomUUID()));
  await checkClient("source", fixture, {
    program: "openssl",
    role: "client",
    hostname,
    isLarge: requests.some(({ body }) => body.length === LARGE_SIZE),
    stalls,
    command: ({ port }) => {
      for (const [index, request] of requests.entries()) writeRequest(files[index], request, port, fixture);
      const peer = hostname === "::1" ? `[::1]:${port}` : `${hostname}:${port}`;
      const client = `openssl s_client -connect ${peer} -quiet -nocommands -CAfile ${fixture.certificate}`;
      return ["sh", "-ec", files.map((file) => `${client} <${file} >${file}.answer`).join("\n")];
    },
  });
  for (const [index, { method, body }] of requests.entries()) {
    const answer = Deno.readFileSync(`${files[index]}.answer`);
    if (method === "GET") assert.equal(sha256(answer.subarray(answer.length - body.length)), body.sha256);
  }
}

function writeRequest(file: string, { method, path, body }: Request, port: number, fixture: Fixture): void {
  const upload = method === "PUT" ? Deno.readFileSync(`${fixture.bodies}/${body.name}`) : new Uint8Array();
  const fields = `Host: localhost:${port}\r\nConnection: close\r\nContent-Length: ${upload.length}\r\n`;
  Deno.writeTextFileSync(file, `${method} ${path} HTTP/1.1\r\n${fields}\r\n`);
  Deno.writeFileSync(file, upload, { append: true });
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
      const bodies = [...SMALL_SIZES, MEDIUM_SIZE].map((size) => fixture.body(size));
      await checkClientOf(fixture, "::1", bodies.map(get));
      await checkClientOf(fixture, "127.0.0.1", bodies.map(put));
    }),
});

Deno.test({
  name: "openssl s_client: 50 MB, down over IPv4, up over IPv6",
  ...skipIf(lacking),
  fn: () =>
    withFixture(async (fixture) => {
      await checkClientOf(fixture, "127.0.0.1", [get(fixture.body(LARGE_SIZE))]);
      await checkClientOf(fixture, "::1", [put(fixture.body(LARGE_SIZE))]);
    }),
});

// It reads a kilobyte at a time, which fills the slots of a ring long before its bytes.
Deno.test({
  name: "openssl s_client: 50 MB down while the agent stalls",
  ...skipIf(lacking),
  fn: () =>
    withFixture((fixture) => checkClientOf(fixture, "127.0.0.1", [get(fixture.body(LARGE_SIZE))], true)),
});
