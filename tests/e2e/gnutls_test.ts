// SPDX-License-Identifier: MIT
/** Programs with GnuTLS: Debian's, and one of the tests' own that sends and receives in every way there is. */
import assert from "node:assert/strict";
import { forgedConnections } from "../support/forged.ts";
import { missing, runOk } from "../support/run.ts";
import { headerMissing, skipIf } from "../support/skip.ts";
import { sha256 } from "../support/tshark.ts";
import { type Fixture, MEDIUM_SIZE, withFixture } from "./support/fixture.ts";
import { checkPeers, peerPath, peerRuns, probedPeers } from "./support/pattern_peers.ts";
import { probesMissing } from "./support/probes.ts";
import { PROGRAMS } from "./support/python.ts";
import { mirrorOptions, runSslcollector, summaryOf } from "./support/sslcollector.ts";

const WAYS = ["plain", "again", "null", "cork", "range", "packet"] as const;
Deno.test({
  name: "GnuTLS: every way to send and to receive, either end hooked or both: each byte once",
  ...skipIf(missing("cc", "openssl"), headerMissing("gnutls/gnutls.h", "libgnutls28-dev")),
  fn: () =>
    withFixture(async (fixture) => {
      const program = fixture.path("gnutls_peer");
      await runOk("cc", "-O1", "-o", program, `${PROGRAMS}/gnutls_peer.c`, "-lgnutls");
      const peers = { program, server: [fixture.certificate, fixture.key] };
      for (const { run: { how }, comment } of await checkPeers(fixture, peers, peerRuns(WAYS))) {
        const version = how === "range" ? "1.2" : "1.3";
        assert.match(comment, new RegExp(`sni=peer.example alpn=pattern tls=${version} `), how);
        assert.match(comment, /attribution=(hello|nested) /, how);
      }
    }),
});

/** All: PROBED_WAYS=plain,again,null,cork,range. */
const PROBED_WAYS = Deno.env.get("PROBED_WAYS") ?? "cork";

Deno.test({
  name: `GnuTLS by kernel probes: each byte once, ${PROBED_WAYS}`,
  ...skipIf(
    await probesMissing() ?? missing("cc", "openssl") ?? headerMissing("gnutls/gnutls.h", "libgnutls28-dev"),
  ),
  fn: () =>
    withFixture(async (fixture) => {
      const program = peerPath(fixture);
      await runOk("cc", "-O1", "-o", program, `${PROGRAMS}/gnutls_peer.c`, "-lgnutls");
      const peers = { program, server: [fixture.certificate, fixture.key] };
      for (const how of PROBED_WAYS.split(",")) {
        for (const role of ["client", "server"] as const) {
          assert.match(await probedPeers(fixture, peers, role, how) ?? "", / sni=peer.example /, how);
        }
      }
    }),
});

/** An HTTPS server that no hook sees: the fixture's body that `find` names for a path, else 404. */
function serve(fixture: Fixture, find: (path: string) => string | undefined): Deno.HttpServer<Deno.NetAddr> {
  const [cert, key] = [fixture.certificate, fixture.key].map((path) => Deno.readTextFileSync(path));
  return Deno.serve({ hostname: "127.0.0.1", port: 0, cert, key, onListen() {} }, (request) => {
    const name = find(new URL(request.url).pathname);
    return name === undefined
      ? new Response("nothing", { status: 404 })
      : new Response(Deno.readFileSync(`${fixture.bodies}/${name}`));
  });
}

/** `run` with a program; answers what its connections asked for first, and what they were answered. */
async function mirror(
  fixture: Fixture,
  name: string,
  ...program: string[]
): Promise<{ asked: string; answered: string }[]> {
  const capture = fixture.path(`${name}.pcapng`);
  const ended = await runSslcollector("source", fixture, [
    "run",
    ...mirrorOptions(capture),
    "--",
    ...program,
  ]);
  const { programs, total } = summaryOf(ended);
  assert.deepEqual([total.lost, total.imbalance], [{}, 0], ended.stderr);
  assert.deepEqual(programs.map(({ program, flows }) => [program, flows > 0]), [[name, true]]);
  return forgedConnections(await Deno.readFile(capture)).map(({ streams: [toServer, toClient], end }) => {
    assert.equal(end, "fin");
    const text = new TextDecoder("latin1");
    return { asked: text.decode(toServer).split("\r\n")[0], answered: text.decode(toClient) };
  });
}

Deno.test({
  name: "GnuTLS: wget and git are mirrored as they are",
  ...skipIf(missing("wget", "git", "openssl")),
  fn: () =>
    withFixture(async (fixture) => {
      const body = fixture.body(MEDIUM_SIZE);
      await using server = serve(fixture, (path) => path === `/${body.name}` ? body.name : undefined);
      const at = `https://localhost:${server.addr.port}`;
      const file = fixture.path("got");
      const options = ["-q", "--no-check-certificate", "-O", file];
      const [got] = await mirror(fixture, "wget", "wget", ...options, `${at}/${body.name}`);
      const bytes = await Deno.readFile(file);
      assert.equal(sha256(bytes), body.sha256);
      assert.equal(got.asked, `GET /${body.name} HTTP/1.1`);
      assert(got.answered.endsWith(new TextDecoder("latin1").decode(bytes)), "the body as wget got it");
      const git = [
        "git",
        "-c",
        "http.sslVerify=false",
        "-c",
        "http.version=HTTP/1.1",
        "ls-remote",
        `${at}/a.git`,
      ];
      const [asked] = await mirror(fixture, "git-remote-http", ...git);
      assert.equal(asked.asked, "GET /a.git/info/refs?service=git-upload-pack HTTP/1.1");
      assert.match(asked.answered, /^HTTP\/1\.1 404 /);
    }),
});
