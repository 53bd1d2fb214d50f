// SPDX-License-Identifier: MIT
/** Programs with NSS: its own, and one of the tests' that sends and receives in every way there is. */
import assert from "node:assert/strict";
import { missing, runOk } from "../support/run.ts";
import { judgeMissing } from "../ids/judge.ts";
import { headerMissing, skipIf } from "../support/skip.ts";
import { absent } from "./debian/program.ts";
import { type Fixture, withFixture } from "./support/fixture.ts";
import { checkClient } from "./support/mirrored.ts";
import { checkPeers, peerRuns } from "./support/pattern_peers.ts";
import { PROGRAMS } from "./support/python.ts";

const lacking = missing("cc", "openssl", "certutil", "pk12util") ??
  headerMissing("nss/ssl.h", "libnss3-dev");
const WAYS = ["plain", "recv", "again", "parts", "layer", "force", "mixed"] as const;

/** A database of NSS's with the fixture's certificate, named `peer`. */
async function makeDatabase(fixture: Fixture): Promise<string> {
  const database = `sql:${fixture.path("nss")}`;
  const bundle = fixture.path("peer.p12");
  const { certificate, key } = fixture;
  await Deno.mkdir(fixture.path("nss"));
  await runOk("certutil", "-N", "-d", database, "--empty-password");
  const pair = ["-in", certificate, "-inkey", key, "-name", "peer", "-passout", "pass:"];
  await runOk("openssl", "pkcs12", "-export", ...pair, "-out", bundle);
  await runOk("pk12util", "-i", bundle, "-d", database, "-W", "", "-K", "");
  return database;
}

async function compilePeer(fixture: Fixture): Promise<string> {
  const program = fixture.path("nss_peer");
  const flags = ["-O1", "-I/usr/include/nspr", "-I/usr/include/nss", "-o", program];
  await runOk("cc", ...flags, `${PROGRAMS}/nss_peer.c`, "-lssl3", "-lnss3", "-lnspr4");
  return program;
}

Deno.test({
  name: "NSS: every way to send and to receive, either end hooked or both: each byte once, and no other",
  ...skipIf(lacking),
  fn: () =>
    withFixture(async (fixture) => {
      const [program, database] = await Promise.all([compilePeer(fixture), makeDatabase(fixture)]);
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
      const database = await makeDatabase(fixture);
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
