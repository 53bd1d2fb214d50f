// SPDX-License-Identifier: MIT
/** `-C` as it is shipped: who has no certificate of its CA gets nothing in, whatever node:tls of that runtime does by itself. */
import assert from "node:assert/strict";
import * as tls from "node:tls";
import { issueCertificate, makeAuthority } from "../../net/pki/issue.ts";
import { linkBlock, linkHead, newSessionId } from "../../net/link/blocks/link.ts";
import { VALIDITY } from "../support/link_harness.ts";
import { missing } from "../support/run.ts";
import { skipIf } from "../support/skip.ts";
import { awaited } from "../support/until.ts";
import { Collector, makePki } from "./support/collector.ts";
import { withFixture } from "./support/fixture.ts";
import { modeMissing } from "./support/sslcollector.ts";

/** Says what an agent says first; settles when the collector has closed the connection. */
function attempt(port: number, pair: { certificate?: string; key?: string }): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const socket = tls.connect({
    ...{ host: "127.0.0.1", port, cert: pair.certificate, key: pair.key },
    ...{ rejectUnauthorized: false, ALPNProtocols: ["sslcollector/1"] },
  }, () => {
    socket.write(linkHead("attempt", "any"));
    const first = { session: newSessionId(), first: 0, next: 1, mtu: 1500, name: "web1" };
    socket.write(linkBlock({ kind: "hello", ...first }));
  });
  socket.on("data", () => {});
  socket.on("error", () => {});
  socket.on("close", () => resolve());
  return awaited("the collector to close a connection", promise);
}

Deno.test({
  name: "refused (binary): clients of a collector without a certificate, and with one of another CA",
  ...skipIf(modeMissing("binary"), missing("openssl")),
  fn: () =>
    withFixture(async (fixture) => {
      const capture = fixture.path("collected.pcapng");
      const pki = await makePki(fixture);
      await using collector = await Collector.start("binary", fixture, capture, ...pki);
      const foreign = await issueCertificate(await makeAuthority("other", VALIDITY), {
        ...{ role: "agent", name: "web1", names: [], validity: VALIDITY },
      });
      await attempt(collector.port, {});
      await collector.child.found("stderr", /refused 127\.0\.0\.1:\d+: no certificate$/m);
      await attempt(collector.port, foreign);
      await collector.child.found("stderr", /: certificate "web1" of another CA$/m);
      const { summary } = await collector.stop();
      assert.deepEqual(summary.agents, []);
      assert.deepEqual(summary.sinks.map(({ packets }) => packets), [0]);
    }),
});
