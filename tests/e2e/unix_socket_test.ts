// SPDX-License-Identifier: MIT
/** TLS over a Unix socket: no network flow, forged where asked to only, whatever way the program has it on the socket. */
import assert from "node:assert/strict";
import { missing } from "../support/run.ts";
import { forgedConnections } from "../support/forged.ts";
import { skipIf } from "../support/skip.ts";
import { Child } from "./support/child.ts";
import { type Fixture, withFixture } from "./support/fixture.ts";
import { mirrorOptions, runSslcollector, type Summary, summaryOf } from "./support/sslcollector.ts";

/** Relative to the fixture: s_server cannot listen on a long path. */
const SOCKET = "socket";
const REQUEST = new TextEncoder().encode("GET / HTTP/1.0\r\n\r\n");
/** Of a session in memory, as asyncio has it: the ServerHello alone tells of the socket. */
const ASYNCIO = `
import asyncio, ssl, sys
async def main():
    context = ssl._create_unverified_context()
    reader, writer = await asyncio.open_unix_connection(sys.argv[1], ssl=context, server_hostname="localhost")
    writer.write(b"GET / HTTP/1.0\\r\\n\\r\\n")
    await reader.read()
asyncio.run(main())
`;

const CLIENTS: Readonly<Record<string, readonly string[]>> = {
  openssl: ["openssl", "s_client", "-unix", SOCKET, "-quiet"],
  curl: ["curl", "-sk", "--http1.0", "--unix-socket", SOCKET, "https://localhost/"],
  python3: ["python3", "-c", ASYNCIO, SOCKET],
};

async function mirrored(fixture: Fixture, command: readonly string[], ...options: string[]) {
  const capture = fixture.path("unix.pcapng");
  const args = ["run", ...mirrorOptions(capture), ...options, "--", ...command];
  const ended = await runSslcollector("source", fixture, args, { input: REQUEST, cwd: fixture.folder });
  return { summary: summaryOf(ended), connections: forgedConnections(await Deno.readFile(capture)) };
}

function assertCounted({ total }: Summary): void {
  assert.equal(total.imbalance, 0);
  assert.equal(total.flows, 1);
  assert.equal(total.packets, 0);
  assert.deepEqual(Object.keys(total.lost), ["unix-socket"]);
  assert.deepEqual(total.events, { "flow-unix-socket": 1 });
}

for (const [program, command] of Object.entries(CLIENTS)) {
  Deno.test({
    name: `${program} over a Unix socket is counted, and forged with --unix`,
    ...skipIf(missing("openssl", program)),
    fn: () =>
      withFixture(async (fixture) => {
        await using server = new Child("openssl", {
          args: ["s_server", "-unix", SOCKET, "-www", "-cert", fixture.certificate, "-key", fixture.key],
          cwd: fixture.folder,
        });
        await server.found("stdout", /^ACCEPT/m);
        const { summary, connections } = await mirrored(fixture, command);
        assertCounted(summary);
        assert.deepEqual(connections, []);

        const forged = await mirrored(fixture, command, "--unix");
        assert.deepEqual(forged.summary.total.lost, {});
        const [{ name, streams, comments }] = forged.connections;
        assert.equal(name, "192.0.2.1:20000>198.51.100.1:443");
        const [request, response] = streams.map((stream) => new TextDecoder().decode(stream));
        assert.match(request, /^GET \/ HTTP/);
        assert.match(response, /^HTTP\/1.0 200 ok/);
        assert.match(comments[0], / attribution=none .* socket=unix$/);
      }),
  });
}

Deno.test({
  name: "openssl as the server of a Unix socket is counted",
  ...skipIf(missing("openssl")),
  fn: () =>
    withFixture(async (fixture) => {
      const script =
        'openssl s_server -unix "$1" -naccept 1 -www -cert "$2" -key "$3" | while read -r line; do ' +
        'case $line in ACCEPT*) env -u LD_PRELOAD openssl s_client -unix "$1" -quiet <"$4";; esac; done';
      await Deno.writeFile(fixture.path("request"), REQUEST);
      const words = ["sh", "-c", script, "sh", SOCKET, fixture.certificate, fixture.key, "request"];
      const { summary, connections } = await mirrored(fixture, words);
      assertCounted(summary);
      assert.deepEqual(connections, []);
    }),
});
