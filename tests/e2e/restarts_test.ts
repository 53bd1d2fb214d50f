// SPDX-License-Identifier: MIT
/** nginx under load while its agent is killed and restarted: no request fails, and the last agent mirrors again. @module */
import assert from "node:assert/strict";
import { forgedConnections } from "../support/forged.ts";
import { missing } from "../support/run.ts";
import { skipIf } from "../support/skip.ts";
import { until } from "../support/until.ts";
import { Child } from "./support/child.ts";
import { Agent } from "./support/sslcollector.ts";
import { curlPeer } from "./support/curl.ts";
import { get } from "./support/exchange.ts";
import { fileExceeds } from "./support/fault_wait.ts";
import { withFixture } from "./support/fixture.ts";
import { Nginx, nginxMissing } from "./support/nginx.ts";

const lacking = nginxMissing() || missing("wrk", "curl", "openssl");

const RESTARTS = 10;
/** Of these agents the test waits until nginx has found them, which it does when the one before is seen to be dead. */
const AWAITED = [1, 5, 10];
/** A capture without packets is smaller. */
const HEAD_BYTES = 4096;
/** Small, so that the captures are. */
const BODY_BYTES = 1000;

function workers(nginx: Nginx): string {
  return Deno.readTextFileSync(`/proc/${nginx.masterPid}/task/${nginx.masterPid}/children`).trim();
}

/** Whether flows of all these processes are in the capture, by the comments on their first packets. */
function isMirrored(capture: string, pids: readonly string[]): boolean {
  const text = new TextDecoder("latin1").decode(Deno.readFileSync(capture));
  return pids.every((pid) => text.includes(` pid=${pid} `));
}

/** What wrk says at its end; it mentions failures only when there are some. */
interface Load {
  readonly requests: number;
  readonly complaints: string[];
}

function readLoad(report: string): Load {
  return {
    requests: Number(/(\d+) requests in/.exec(report)?.[1] ?? 0),
    complaints: report.split("\n").filter((line) => /Socket errors|Non-2xx|unable/.test(line)),
  };
}

Deno.test({
  name: `nginx under load fails no request while its agent is killed and restarted ${RESTARTS} times`,
  ...skipIf(lacking),
  fn: () =>
    withFixture(async (fixture) => {
      const body = fixture.body(BODY_BYTES);
      const capture = (number: number) => fixture.path(`agent-${number}.pcapng`);
      await using agents = new AsyncDisposableStack();
      const start = async (number: number) =>
        agents.use(await Agent.start("source", fixture, capture(number), "--log-level", "error"));
      let agent = await start(0);
      await using nginx = await Nginx.start(fixture, agent.hookEnvironment);

      const url = `https://127.0.0.1:${nginx.port}/${body.name}`;
      // It is ended when the last agent has mirrored; the duration only bounds it.
      const load = new Child("wrk", {
        args: ["--threads", "1", "--connections", "8", "--duration", "300s", "--timeout", "60s", url],
      });
      agents.use(load);
      await fileExceeds(capture(0), HEAD_BYTES);
      const before = workers(nginx);
      assert.equal(before.split(" ").length, 2);
      for (let number = 1; number <= RESTARTS; number++) {
        agent.child.kill("SIGKILL");
        await agent.child.ended;
        agent = await start(number);
        if (AWAITED.includes(number)) await fileExceeds(capture(number), HEAD_BYTES);
      }
      load.kill("SIGINT");
      const { code, stdout, stderr } = await load.ended;
      const { requests, complaints } = readLoad(new TextDecoder().decode(stdout));
      assert.deepEqual({ code, stderr, complaints }, { code: 0, stderr: "", complaints: [] });
      assert(requests > 1000, `only ${requests} requests`);
      assert.equal(workers(nginx), before, "nginx's workers are others");

      const visit = (connections: number) =>
        curlPeer(Array.from({ length: connections }, () => [get(body)]), {
          hostname: "127.0.0.1",
          port: nginx.port,
        }, fixture);
      // A worker finds the new agent when it next serves somebody, at most a second after it last looked.
      await until("each worker to find the new agent", async () => {
        await visit(1);
        return isMirrored(capture(RESTARTS), before.split(" "));
      });
      const seen = await visit(8);
      await nginx.stop();
      const summary = await agent.stop();
      assert.equal(summary.total.imbalance, 0);
      const mirrored = forgedConnections(await Deno.readFile(capture(RESTARTS)));
      for (const { client, server } of seen.connections) {
        const [connection] = mirrored.filter(({ name }) => name === `${client}>${server}`);
        assert(connection, `the new connection ${client} is missing`);
        assert.deepEqual([connection.gaps, connection.end], [[[], []], "fin"]);
        assert.deepEqual(
          connection.streams[1].slice(-BODY_BYTES),
          await Deno.readFile(`${fixture.bodies}/${body.name}`),
        );
      }
    }),
});
