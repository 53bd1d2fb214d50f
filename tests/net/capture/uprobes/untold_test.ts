// SPDX-License-Identifier: MIT
/** What is lost of sessions that are not open, as those whose beginnings find no room in the probes' ring. */
import assert from "node:assert/strict";
import { UNTOLD, UNTOLD_KEY, UNTOLD_REASON } from "../../../../net/capture/uprobes/layout.ts";
import type { LoadedProbes } from "../../../../net/capture/uprobes/loader.ts";
import { UntoldLosses } from "../../../../net/capture/uprobes/untold.ts";
import type { CaptureGap, CaptureProgram } from "../../../../net/capture/target.ts";
import { runChild } from "../../../e2e/support/child.ts";
import { withFixture } from "../../../e2e/support/fixture.ts";
import { Nginx, nginxMissing } from "../../../e2e/support/nginx.ts";
import { PeerServer } from "../../../e2e/support/peer_server.ts";
import { probesMissing } from "../../../e2e/support/probes.ts";
import { CaptureLog } from "../../../support/capture_log.ts";
import { copyLibrary, copyMissing, probesAt, toldWhile } from "../../../support/probed_copy.ts";
import { missing } from "../../../support/run.ts";
import { skipIf } from "../../../support/skip.ts";

/** More than the ring holds, in records that leave less room in it than another of them takes: 16 KiB. */
const FILLING_BYTES = 2 << 20;
/** Sessions that fill that, at more than 600 bytes each. */
const SMALL_SESSIONS = 40;

Deno.test("probes: what one process lost is asked for by its own keys, however many others lost something", () => {
  const STARTED_NS = 2n ** 60n + 1n;
  const key = new DataView(new ArrayBuffer(UNTOLD_KEY.size));
  key.setBigUint64(UNTOLD_KEY.startedNs, STARTED_NS, true);
  key.setUint32(UNTOLD_KEY.pid, 7, true);
  key.setUint32(UNTOLD_KEY.reason, UNTOLD_REASON.noRole, true);
  const asked: string[] = [];
  const map = {
    keys: () => assert.fail("all were asked for"),
    get: (each: Uint8Array, value: Uint8Array) => {
      asked.push(each.toHex());
      if (asked.at(-1) !== new Uint8Array(key.buffer).toHex()) return false;
      new DataView(value.buffer).setUint32(UNTOLD.toClient, 5, true);
      return true;
    },
  };
  const losses = new UntoldLosses({ map: () => map } as unknown as LoadedProbes, () => true);
  const taken = () => [...losses.takeOf(7, STARTED_NS)].map(({ reason, amounts }) => [reason, ...amounts]);
  assert.deepEqual([taken(), taken()], [[["role-unknown", 0, 5]], []]);
  assert.equal(asked.length, 2 * Object.keys(UNTOLD_REASON).length);
});

Deno.test({
  name:
    "probes: sessions that find no room in a ring that nobody reads are lost by their programs, both ways to the byte",
  ...skipIf(await probesMissing() ?? missing("curl", "openssl") ?? copyMissing()),
  fn: () =>
    withFixture(async (fixture) => {
      const log = new CaptureLog();
      const source = await probesAt(fixture, log);
      await using server = new PeerServer(fixture);
      const [filling, small] = [FILLING_BYTES, 1].map((length) => fixture.body(length).name);
      const env = await copyLibrary(fixture);
      const curl = (...names: readonly string[]) =>
        runChild("curl", {
          args: ["--silent", "--insecure", "--header", "Connection: close"]
            .concat(names.flatMap((name) => ["-o", "/dev/null", `https://localhost:${server.port}/${name}`])),
          env,
        });
      await curl(filling, ...Array(SMALL_SESSIONS).fill(small));
      await curl(small);
      const running = source.run();
      await log.until(() => log.of("programEnd").length === 2);
      await source.close();
      await running;

      const told: [number, number] = [0, 0];
      const untold = new Map<number, [number, number]>();
      for (const [method, program, flow, ...rest] of log.calls) {
        if (method === "data") told[rest[0] as 0 | 1] += (rest[2] as Uint8Array).length;
        if (method !== "gap") continue;
        const { direction, length, reason } = rest[0] as CaptureGap;
        assert.equal(reason, "ring-full");
        told[direction] += length;
        if (flow !== 0) continue;
        const { id } = program as CaptureProgram;
        untold.set(id, untold.get(id) ?? [0, 0]);
        untold.get(id)![direction] += length;
      }
      assert.deepEqual(told, (await server.seen()).bytes);
      const [first, last] = log.of("programStart").map(([, program]) => program as CaptureProgram);
      assert.deepEqual([first.comm, last.comm], ["curl", "curl"]);
      assert.ok(log.of("open").every(([, program]) => program === first));
      const [toServer, toClient] = untold.get(last.id)!;
      assert.ok(toServer > 0 && toClient > 0, `${toServer} and ${toClient} bytes`);
      const { passed, delivered, missing, lost } = source.counters;
      assert.deepEqual([delivered + missing, lost], [passed, missing]);
    }),
});

/** Rounds of programs beside each other. */
const ROUNDS = Number(Deno.env.get("PROBE_LOSS_ROUNDS") ?? 2);
const BULK_BYTES = 8 << 20;

Deno.test({
  name:
    `probes: what ${ROUNDS} rounds of bulk in a ring that is read meanwhile lose, of programs that end and that are killed, is told to the byte`,
  ...skipIf(
    await probesMissing() ?? nginxMissing() ?? missing("curl", "openssl", "timeout") ?? copyMissing(),
  ),
  fn: () =>
    withFixture(async (fixture) => {
      const [bulk, small] = [BULK_BYTES, 1].map((length) => fixture.body(length).name);
      const env = await copyLibrary(fixture);
      const { counters } = await toldWhile(fixture, async () => {
        await using nginx = await Nginx.start(fixture, env);
        const url = (name: string) => `https://localhost:${nginx.port}/${name}`;
        const script = [
          ...Array(3).fill(`curl -sk -o /dev/null ${url(bulk)} -o /dev/null ${url(bulk)} &`),
          `timeout -s KILL 0.1 curl -sk -o /dev/null ${url(bulk)} &`,
          `for i in 1 2 3 4; do curl -sk -o /dev/null ${url(small)}; done`,
          "wait",
        ].join("\n");
        const round = { args: ["-c", script], env };
        // Nobody reads the ring meanwhile.
        assert.ok(new Deno.Command("sh", round).outputSync().success);
        for (let left = ROUNDS - 1; left > 0; left--) await runChild("sh", round);
        await nginx.stop();
      });
      const { passed, told, lost, delivered, missing } = counters;
      assert.deepEqual([told + lost, delivered, missing], [passed, told, lost]);
      assert.ok(lost > 0);
    }),
});
