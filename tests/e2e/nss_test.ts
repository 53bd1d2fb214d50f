// SPDX-License-Identifier: MIT
/** Programs with NSS: its own, and one of the tests' that sends and receives in every way there is. */
import assert from "node:assert/strict";
import { missing } from "../support/run.ts";
import { judgeMissing } from "../ids/judge.ts";
import { skipIf } from "../support/skip.ts";
import { absent } from "./debian/program.ts";
import { withFixture } from "./support/fixture.ts";
import { checkClient } from "./support/mirrored.ts";
import { compileNssPeer, makeNssDatabase, nssMissing } from "./support/nss_peer.ts";
import { checkPeers, peerRuns } from "./support/pattern_peers.ts";
import { PROGRAMS } from "./support/python.ts";

const lacking = nssMissing();
const WAYS = ["plain", "recv", "again", "parts", "layer", "force", "mixed"] as const;

Deno.test({
  name: "NSS: every way to send and to receive, either end hooked or both: each byte once, and no other",
  ...skipIf(lacking),
  fn: () =>
    withFixture(async (fixture) => {
      const [program, database] = await Promise.all([compileNssPeer(fixture), makeNssDatabase(fixture)]);
      const peers = { program, server: [database], client: [database] };
      for (const { run: { how }, comment } of await checkPeers(fixture, peers, peerRuns(WAYS))) {
        assert.match(comment, /sni=peer.example alpn=pattern tls=1.3 /, how);
        assert.match(comment, /attribution=(hello|socket) /, how);
      }
    }),
});

Deno.test({
  name: "NSS: what tstclnt sends and receives is mirrored, and what it reads and prints is not",
  ...skipIf(lacking, missing("tstclnt", "tshark"), judgeMissing()),
  fn: () =>
    withFixture(async (fixture) => {
      const database = await makeNssDatabase(fixture);
      const body = fixture.body(200_000);
      const request = `GET /${body.name} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`;
      await Deno.writeTextFile(fixture.path("request"), request);
      await checkClient("source", fixture, {
        program: "tstclnt",
        role: "client",
        attribution: "socket",
        hostname: "127.0.0.1",
        command: ({ hostname, port }) => {
          const client = `exec tstclnt -h ${hostname} -p ${port} -d ${database} -o -b < ${
            fixture.path("request")
          }`;
          return ["sh", "-c", client];
        },
      });
    }),
});

Deno.test({
  name: "NSS: curl's library of that flavour, which a program loads late",
  ...skipIf(
    missing("openssl", "tshark"),
    absent(["python3", "/usr/lib/x86_64-linux-gnu/libcurl-nss.so.4"]),
    judgeMissing(),
  ),
  fn: () =>
    withFixture(async (fixture) => {
      const bodies = [fixture.body(16_384), fixture.body(200_000)];
      const { ended } = await checkClient("source", fixture, {
        program: "python3",
        role: "client",
        attribution: "socket",
        hostname: "127.0.0.1",
        command: ({ port }) => {
          const names = bodies.map(({ name }) => name);
          return ["python3", `${PROGRAMS}/nss_curl.py`, `https://localhost:${port}`, ...names];
        },
      });
      const printed = new TextDecoder().decode(ended.stdout).trim().split("\n");
      assert.deepEqual(printed, bodies.map(({ sha256 }) => sha256));
    }),
});
