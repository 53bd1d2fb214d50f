// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { cuttingProxy } from "../../support/cutting_proxy.ts";
import { remoteSink, startLinkServer, TestLog, withPki } from "../../support/link_harness.ts";
import { assertEachOnce, NumberedPackets, numbersIn } from "../../support/link_packets.ts";
import { TestProcess } from "../../support/process.ts";
import { withSeed } from "../../support/random.ts";
import { missing, runOk } from "../../support/run.ts";
import { skipIf } from "../../support/skip.ts";
import { until } from "../../support/until.ts";

const KILLS = 20;
/** Of collector and agent, by turns that nobody knows; `BOTH_KILLS` in the environment says how many. */
const BOTH_KILLS = Number(Deno.env.get("BOTH_KILLS") ?? 4);
/** Of a collector whose file is rotated meanwhile. */
const ROTATED_KILLS = Number(Deno.env.get("ROTATED_KILLS") ?? 4);

Deno.test(`a collector killed and restarted ${KILLS} times has each packet once and in order`, () =>
  withSeed((random) =>
    withPki(async (pki) => {
      const log = new TestLog();
      const out = `${pki.folder}/out.pcapng`;
      let port = 0;
      await using proxy = cuttingProxy(() => port, () => Infinity);
      const sink = remoteSink(`127.0.0.1:${proxy.port}`, pki.agent, log, { backoffMaxMs: 20 });
      const packets = new NumberedPackets((batch) => sink.write(batch), 10, 1000);
      // Runs all the time, so that the kills come anywhere.
      let isOver = false;
      const making = (async () => {
        while (!isOver) {
          if (sink.queuedBytes < 2 << 20) packets.make(1 + random.below(400));
          await new Promise((resolve) => setTimeout(resolve, 1));
        }
      })();
      for (let kills = 0; kills <= KILLS; kills++) {
        const collector = new TestProcess("collector_process.ts", {
          pki: pki.directory,
          sink: out,
          state: `${pki.folder}/state`,
          workers: kills % 2,
        });
        port = Number((await collector.find(/^port (\d+)/))[1]);
        const before = sink.counters.written;
        await until("more packets written", () => sink.counters.written > before, 1);
        await new Promise((resolve) => setTimeout(resolve, random.below(30)));
        if (kills < KILLS) {
          await collector.kill();
          continue;
        }
        isOver = true;
        await making;
        await sink.flush();
        await sink.close();
        assert.equal(await collector.finish(), 0);
      }
      assert.equal(sink.counters.written, packets.count);
      assertEachOnce(numbersIn(await Deno.readFile(out)), packets.count);
    })
  ));

Deno.test({
  name: "a collector killed while its file is rotated has each packet once and in order, over all files",
  ...skipIf(missing("logrotate")),
  fn: () =>
    withSeed((random) =>
      withPki(async (pki) => {
        const log = new TestLog();
        const out = `${pki.folder}/out.pcapng`;
        const conf = `${pki.folder}/conf`;
        Deno.writeTextFileSync(conf, `${out} {\n rotate 99\n size 1\n create\n}\n`, { mode: 0o600 });
        let port = 0;
        await using proxy = cuttingProxy(() => port, () => Infinity);
        const sink = remoteSink(`127.0.0.1:${proxy.port}`, pki.agent, log, { backoffMaxMs: 20 });
        const packets = new NumberedPackets((batch) => sink.write(batch), 10, 1000);
        const making = setInterval(
          () => sink.queuedBytes < 2 << 20 && packets.make(1 + random.below(400)),
          1,
        );
        for (let kills = 0; kills <= ROTATED_KILLS; kills++) {
          const collector = new TestProcess("collector_process.ts", {
            pki: pki.directory,
            sink: out,
            state: `${pki.folder}/state`,
            workers: kills % 2,
          });
          port = Number((await collector.find(/^port (\d+)/))[1]);
          const before = sink.counters.written;
          await until("more packets written", () => sink.counters.written > before, 1);
          const rotating = runOk("logrotate", "-f", "-s", `${pki.folder}/rotated`, conf);
          await new Promise((resolve) => setTimeout(resolve, random.below(30)));
          if (kills < ROTATED_KILLS) await collector.kill();
          await rotating;
          if (kills < ROTATED_KILLS) continue;
          clearInterval(making);
          await sink.flush();
          await sink.close();
          assert.equal(await collector.finish(), 0);
        }
        assert.equal(sink.counters.written, packets.count);
        const age = (name: string) => Number(name.slice("out.pcapng.".length));
        const names = [...Deno.readDirSync(pki.folder)].map(({ name }) => name)
          .filter((name) => name.startsWith("out.pcapng")).sort((a, b) => age(b) - age(a));
        const numbers = names.flatMap((name) => numbersIn(Deno.readFileSync(`${pki.folder}/${name}`)));
        assertEachOnce(numbers, packets.count);
      })
    ),
});

Deno.test("an agent killed and restarted with a spool sends each packet that it took, once and in order", () =>
  withSeed((random) =>
    withPki(async (pki) => {
      const log = new TestLog();
      const out = `${pki.folder}/out.pcapng`;
      const server = await startLinkServer(pki, out, log);
      await using proxy = cuttingProxy(server.port, () =>
        random.below(2) === 0 ? random.below(300_000) : Infinity);
      const RUN = 1_000_000;
      const RUNS = 8;
      const least: number[] = [];
      for (let run = 0; run <= RUNS; run++) {
        const agent = new TestProcess("agent_process.ts", {
          pki: pki.directory,
          target: `127.0.0.1:${proxy.port}`,
          spool: `${pki.folder}/spool`,
          packets: run === RUNS ? 100 : RUN,
          first: run * RUN,
        });
        if (run === RUNS) {
          await agent.finish();
          const counters = JSON.parse(agent.lines.at(-1)!);
          assert.equal(counters.written, counters.packets);
          least.push(100);
          break;
        }
        await agent.find(new RegExp(`^written ${run * RUN + 50 * (1 + random.below(60))}$`));
        await agent.kill();
        least.push(Number(agent.lines.at(-1)!.split(" ")[1]) - run * RUN);
      }
      await server.close();
      const numbers = numbersIn(await Deno.readFile(out));
      for (let run = 0; run <= RUNS; run++) {
        const own = numbers.filter((number) =>
          Math.floor(number / RUN) === run
        ).map((number) => number % RUN);
        assertEachOnce(own, own.length);
        assert.ok(own.length >= least[run], `run ${run}: ${own.length} of ${least[run]}`);
      }
      assert.ok(numbers.every((number, at) => at === 0 || number > numbers[at - 1]), "sessions in order");
      assert.deepEqual([...Deno.readDirSync(`${pki.folder}/spool`)].map(({ name }) => name), ["lock"]);
    })
  ));

Deno.test(`a collector and an agent with a spool, ${BOTH_KILLS} kills under load: each packet once and in order`, () =>
  withSeed((random) =>
    withPki(async (pki) => {
      const out = `${pki.folder}/out.pcapng`;
      const spool = `${pki.folder}/spool`;
      const RUN = 1_000_000;
      let port = 0;
      await using proxy = cuttingProxy(() => port, () => Infinity);
      const startCollector = async () => {
        const args = {
          pki: pki.directory,
          sink: out,
          state: `${pki.folder}/state`,
          workers: random.below(2),
        };
        const started = new TestProcess("collector_process.ts", args);
        port = Number((await started.find(/^port (\d+)/))[1]);
        return started;
      };
      let run = 0;
      const startAgent = (packets: number) =>
        new TestProcess("agent_process.ts", {
          pki: pki.directory,
          target: `127.0.0.1:${proxy.port}`,
          spool,
          packets,
          first: run * RUN,
          compress: random.oneIn(2) ? "on" : "off",
        });
      const writtenBy = (agent: TestProcess) =>
        Number(
          /^written (\d+)/.exec(agent.lines.findLast((line) => line.startsWith("written")) ?? "")?.[1] ??
            run * RUN,
        );
      const least: number[] = [];
      let collector = await startCollector();
      let agent = startAgent(RUN);
      for (let kills = 0; kills < BOTH_KILLS; kills++) {
        const goal = writtenBy(agent) + 50 * (1 + random.below(40));
        await until("packets under way", () => writtenBy(agent) >= goal, 1);
        // Each of them at least once.
        if (kills % 2 === 0 ? random.below(4) > 0 : random.oneIn(4)) {
          await collector.kill();
          collector = await startCollector();
        } else {
          await agent.kill();
          least[run] = writtenBy(agent) - run * RUN;
          run++;
          agent = startAgent(RUN);
        }
      }
      await agent.kill();
      least[run] = writtenBy(agent) - run * RUN;
      run++;
      agent = startAgent(100);
      assert.equal(await agent.finish(), 0);
      const counters = JSON.parse(agent.lines.at(-1)!);
      assert.deepEqual([counters.packets, counters.dropped], [counters.written, {}]);
      assert.equal(await collector.finish(), 0);
      const numbers = numbersIn(await Deno.readFile(out));
      assert.ok(
        numbers.every((number, at) => at === 0 || number > numbers[at - 1]),
        "none twice, sessions in order",
      );
      for (const [at, packets] of [...least, 100].entries()) {
        const own = numbers.filter((number) => Math.floor(number / RUN) === at).map((number) => number % RUN);
        assertEachOnce(own, own.length);
        assert.ok(own.length >= packets, `run ${at}: ${own.length} of ${packets}`);
      }
      assert.deepEqual([...Deno.readDirSync(spool)].map(({ name }) => name), ["lock"]);
    })
  ));
