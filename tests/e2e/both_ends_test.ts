// SPDX-License-Identifier: MIT
/** Both ends of each session are programs of this host with the hook: each is forged once. */
import assert from "node:assert/strict";
import { forgedConnections } from "../support/forged.ts";
import { missing } from "../support/run.ts";
import { skipIf } from "../support/skip.ts";
import { Child } from "./support/child.ts";
import { withFixture } from "./support/fixture.ts";
import { Nginx, nginxMissing } from "./support/nginx.ts";
import { Agent } from "./support/sslcollector.ts";

const SESSIONS = 20;

for (const reads of ["at once", "late"] as const) {
  Deno.test({
    name:
      `${SESSIONS} sessions between hooked programs are ${SESSIONS} connections, the agent reads ${reads}`,
    ...skipIf(nginxMissing() || missing("curl")),
    fn: () =>
      withFixture(async (fixture) => {
        const body = fixture.body(20_000);
        const capture = fixture.path("capture.pcapng");
        await using agent = await Agent.start("source", fixture, capture);
        await using nginx = await Nginx.start(fixture, agent.hookEnvironment);
        if (reads === "late") agent.child.kill("SIGSTOP");
        for (let number = 0; number < SESSIONS; number++) {
          const curl = new Child("curl", {
            args: ["-sk", "-o", "/dev/null", `https://127.0.0.1:${nginx.port}/${body.name}?${number}`],
            env: agent.hookEnvironment,
          });
          assert.equal((await curl.ended).code, 0);
        }
        if (reads === "late") agent.child.kill("SIGCONT");
        await nginx.stop();
        const summary = await agent.stop();
        const connections = forgedConnections(await Deno.readFile(capture));
        assert.equal(new Set(connections.map(({ name }) => name)).size, SESSIONS);
        assert.equal(connections.length, SESSIONS);
        const requests = connections.map(({ streams }) => new TextDecoder().decode(streams[0]).split(" ")[1]);
        assert.deepEqual(
          requests.toSorted(),
          Array.from({ length: SESSIONS }, (_, number) => `/${body.name}?${number}`).toSorted(),
        );
        for (const { streams, gaps, end } of connections) {
          assert.ok(streams[1].length > body.length);
          assert.deepEqual([gaps, end], [[[], []], "fin"]);
        }
        assert.deepEqual(Object.keys(summary.total.lost), ["other-end-mirrored"]);
        assert.equal(summary.total.imbalance, 0);
        assert.equal(summary.total.flows, SESSIONS);
      }),
  });
}
