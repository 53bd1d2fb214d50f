// SPDX-License-Identifier: MIT
/** Servers of Debian, set up as Debian does it, on a system whose every program has the hook; and PHP. @module */
import assert from "node:assert/strict";
import { judgeMissing } from "../ids/judge.ts";
import { netnsMissing } from "../support/netns.ts";
import { missing } from "../support/run.ts";
import { notRoot, skipIf } from "../support/skip.ts";
import { tsharkFollow } from "../support/tshark.ts";
import { until } from "../support/until.ts";
import { absent } from "./debian/program.ts";
import { type DebianService, SERVICES } from "./debian/services.ts";
import { SystemNamespace } from "./debian/system_namespace.ts";
import { type Fixture, withFixture } from "./support/fixture.ts";
import { checkClient } from "./support/mirrored.ts";

const lacking = notRoot("namespaces") ?? netnsMissing() ??
  missing("openssl", "tshark", "unshare", "nsenter", "ip", "ss", "mount");

/** One exchange with a client that has no hook. */
async function checkService(fixture: Fixture, service: DebianService): Promise<void> {
  const capture = fixture.path("service.pcapng");
  await using system = await SystemNamespace.start(fixture, service, capture);
  await system.inNetwork(...service.client);
  await until(
    "the exchange in the capture",
    () => service.says.toClient.test(Deno.readTextFileSync(capture)),
  );
  const { programs, total, ...rest } = await system.stop();
  assert.deepEqual([total.flows, total.imbalance], [1, 0], JSON.stringify({ total, rest }));
  assert.deepEqual(programs.filter(({ flows }) => flows > 0).map(({ program }) => program), [
    service.program,
  ]);
  assert.deepEqual(total.forged, total.captured);
  const { toServer, toClient } = await tsharkFollow(capture, 0);
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  assert.match(text(toServer), service.says.toServer);
  assert.match(text(toClient), service.says.toClient);
}

for (const service of SERVICES) {
  Deno.test({
    name: `a server under --system is captured: ${service.name}`,
    ...skipIf(lacking, absent(service.needs)),
    fn: () => withFixture((fixture) => checkService(fixture, service)),
  });
}

const PHP_GET = `$curl = curl_init($argv[1]);
curl_setopt_array($curl, [CURLOPT_CAINFO => $argv[2], CURLOPT_RETURNTRANSFER => 1, CURLOPT_HTTPHEADER => ["Connection: close"]]);
echo hash("sha256", curl_exec($curl));`;

Deno.test({
  name: "run mirrors PHP's curl, which is loaded with RTLD_DEEPBIND",
  ...skipIf(missing("openssl", "tshark") ?? judgeMissing() ?? absent(["php", "/usr/share/php8.2-curl"])),
  fn: () =>
    withFixture(async (fixture) => {
      const body = fixture.body(200_000);
      const { ended } = await checkClient("source", fixture, {
        program: "php",
        role: "client",
        hostname: "127.0.0.1",
        command: ({ port }) => [
          ...["php", "-r", PHP_GET, "--", `https://localhost:${port}/${body.name}`, fixture.certificate],
        ],
      });
      assert.equal(new TextDecoder().decode(ended.stdout), body.sha256);
    }),
});
