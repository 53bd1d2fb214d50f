// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { readSegments } from "../support/capture.ts";
import { missing, runOk } from "../support/run.ts";
import { skipIf } from "../support/skip.ts";
import type { Ended } from "./support/child.ts";
import { Download } from "./support/fault_curl.ts";
import {
  Agent,
  mirrorOptions,
  type Mode,
  modeMissing,
  MODES,
  runSslcollector,
  summaryOf,
} from "./support/sslcollector.ts";
import { curlArguments } from "./support/curl.ts";
import { get } from "./support/exchange.ts";
import { fileExceeds } from "./support/fault_wait.ts";
import { type Fixture, withFixture } from "./support/fixture.ts";
import { PeerServer } from "./support/peer_server.ts";
import { Waiting } from "../net/agent/unmirrored/waiting.ts";

const lacking = missing("openssl");
const lackingCompiler = lacking ?? missing("cc");
const CONFINED = fileURLToPath(new URL("programs/confined.c", import.meta.url));
const CALLER = fileURLToPath(new URL("../net/agent/unmirrored/programs/caller.c", import.meta.url));
const STATIC = fileURLToPath(new URL("programs/static.c", import.meta.url));

/** `run` with a text summary. */
function runProgram(mode: Mode, fixture: Fixture, ...command: string[]): Promise<Ended> {
  return runSslcollector(mode, fixture, [
    "run",
    "--quiet",
    "-o",
    fixture.path("out.pcapng"),
    "--",
    ...command,
  ]);
}

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

for (const mode of MODES) {
  Deno.test({
    name: `run (${mode}) returns the program's status, and passes its input and output on`,
    ...skipIf(lacking, modeMissing(mode)),
    fn: () =>
      withFixture(async (fixture) => {
        const args = ["run", "--quiet", "-o", fixture.path("out.pcapng"), "--", "sh", "-c", "cat; exit 7"];
        const input = new TextEncoder().encode("through\0and through");
        const ended = await runSslcollector(mode, fixture, args, { input });
        assert.equal(ended.code, 7);
        assert.equal(text(ended.stdout), "through\0and through");
      }),
  });

  Deno.test({
    name: `run (${mode}) returns 126, 127 and 128 + n as a shell does`,
    ...skipIf(lacking, modeMissing(mode)),
    fn: () =>
      withFixture(async (fixture) => {
        const plain = fixture.path("plain.txt");
        await Deno.writeTextFile(plain, "no program");
        const notExecutable = await runProgram(mode, fixture, plain);
        assert.equal(notExecutable.code, 126);
        assert.match(notExecutable.stderr, /plain\.txt/);
        const absent = await runProgram(mode, fixture, fixture.path("absent"));
        assert.equal(absent.code, 127);
        assert.match(absent.stderr, /absent: command not found/);
        for (const [signal, number] of [["TERM", 15], ["KILL", 9]] as const) {
          assert.equal(
            (await runProgram(mode, fixture, "sh", "-c", `kill -${signal} $$`)).code,
            128 + number,
          );
        }
      }),
  });

  Deno.test({
    name: `run (${mode}) says that a statically linked program was not mirrored`,
    ...skipIf(lackingCompiler, modeMissing(mode)),
    fn: () =>
      withFixture(async (fixture) => {
        const program = fixture.path("static");
        await runOk("cc", "-static", "-o", program, STATIC);
        const { code, stdout, stderr } = await runProgram(mode, fixture, program);
        assert.equal(code, 3);
        assert.equal(text(stdout), "static\n");
        assert.match(stderr, /static was not mirrored: it is linked statically/);
        const args = ["run", ...mirrorOptions(fixture.path("json.pcapng")), "--", program];
        const { total, remarks } = summaryOf(await runSslcollector(mode, fixture, args));
        assert.equal(total.flows, 0);
        assert.match(remarks.join("\n"), /linked statically/);
      }),
  });
}

Deno.test({
  name:
    "run says of a program with a TLS library of its own that it was not mirrored, in lines and in numbers",
  ...skipIf(lacking),
  fn: () =>
    withFixture(async (fixture) => {
      const args = ["run", ...mirrorOptions(fixture.path("out.pcapng")), "--", Deno.execPath(), "eval", "1"];
      const { remarks, programEvents } = summaryOf(await runSslcollector("source", fixture, args));
      assert.deepEqual(remarks, [
        `${Deno.execPath()} was not mirrored: rustls is built into the program, where the hook does not reach`,
      ]);
      assert.deepEqual(programEvents, { rustls: 1 });
    }),
});

Deno.test({
  name: "run says nothing of a shell whose program was mirrored",
  ...skipIf(lacking, missing("curl")),
  fn: () =>
    withFixture(async (fixture) => {
      await using server = new PeerServer(fixture);
      const target = { hostname: server.hostname, port: server.port };
      const curl = ["curl", ...curlArguments([[get(fixture.body(16_384))]], target, fixture)];
      const shell = ["sh", "-c", '"$@"; exit 0', "sh", ...curl];
      const args = ["run", ...mirrorOptions(fixture.path("out.pcapng")), "--", ...shell];
      const { total, remarks, programEvents } = summaryOf(await runSslcollector("source", fixture, args));
      assert.deepEqual([total.flows, remarks, programEvents], [1, [], {}]);
    }),
});

Deno.test({
  name: "an agent counts at its end who runs with the hook and keeps silent, with the reason",
  ...skipIf(lackingCompiler),
  fn: () =>
    withFixture(async (fixture) => {
      const [confined, program] = [fixture.path("confined"), fixture.path("caller")];
      await runOk("cc", "-o", confined, CONFINED);
      await runOk("cc", "-o", program, CALLER, "-lssl", "-lcrypto");
      await using agent = await Agent.start("source", fixture, fixture.path("out.pcapng"));
      await using running = await Waiting.start({ command: [confined, program], env: agent.hookEnvironment });
      agent.child.kill("SIGTERM");
      const { remarks, programEvents } = summaryOf(await agent.child.ended);
      assert.equal(remarks.length, 1);
      assert(remarks[0].startsWith(`caller[${running.pid}] was not mirrored: a seccomp filter confines it`));
      assert.deepEqual(programEvents, { seccomp: 1 });
    }),
});

Deno.test({
  name: "an agent that hangs up writes all down, as on any other signal to end",
  ...skipIf(lacking, missing("curl")),
  fn: () =>
    withFixture(async (fixture) => {
      await using server = new PeerServer(fixture);
      await using agent = await Agent.start("source", fixture, "pcap-over-ip:0");
      const body = fixture.body(16_384);
      const url = `https://localhost:${server.port}/${body.name}`;
      await using download = new Download(fixture, [url], agent.hookEnvironment);
      assert.equal((await download.ended).sha256, body.sha256);
      agent.child.kill("SIGHUP");
      const ended = await agent.child.ended;
      assert.equal(ended.code, 0, ended.stderr);
      const { total, sinks } = summaryOf(ended);
      assert.deepEqual([total.flows, total.imbalance], [1, 0]);
      assert.equal(sinks[0].dropped["no-client"], total.packets);
    }),
});

Deno.test({
  name: "a hang-up begins the file of an agent anew where it was moved, and the agent goes on",
  ...skipIf(lacking, missing("curl")),
  fn: () =>
    withFixture(async (fixture) => {
      const capture = fixture.path("out.pcapng");
      await using server = new PeerServer(fixture);
      await using agent = await Agent.start("source", fixture, capture);
      const body = fixture.body(16_384);
      const url = `https://localhost:${server.port}/${body.name}`;
      const { size } = Deno.statSync(capture);
      await using download = new Download(fixture, [url], agent.hookEnvironment);
      assert.equal((await download.ended).sha256, body.sha256);
      await fileExceeds(capture, size + body.length);
      await Deno.rename(capture, `${capture}.1`);
      agent.child.kill("SIGHUP");
      await agent.child.found("stderr", /out\.pcapng was moved by another program with \d+ packets/);
      const { total, sinks } = await agent.stop();
      assert.equal(sinks[0].written, total.packets);
      const packets = [`${capture}.1`, capture].map((path) => readSegments(Deno.readFileSync(path)).length);
      assert.equal(packets[0] + packets[1], total.packets);
      assert.ok(packets[0] > 0);
    }),
});

Deno.test({
  name: "run writes all down when a signal comes as the program begins and ends",
  ...skipIf(lacking),
  fn: () =>
    withFixture(async (fixture) => {
      const run = async (number: number) => {
        const args = ["run", ...mirrorOptions(fixture.path(`${number}.pcapng`)), "--", "sh", "-c"];
        const ended = await runSslcollector("source", fixture, [
          ...args,
          "kill -INT $PPID; kill -TERM $PPID",
        ]);
        assert.equal(summaryOf(ended).total.imbalance, 0);
      };
      // At a time, so that processors are busy and the signals come late.
      await Promise.all(Array.from({ length: 8 }, (_, number) => run(number)));
    }),
});

Deno.test({
  name: "run's text summary has a line for the program and totals; a flow's line is left out by --quiet",
  ...skipIf(lacking, missing("curl")),
  fn: () =>
    withFixture(async (fixture) => {
      await using server = new PeerServer(fixture);
      const target = { hostname: server.hostname, port: server.port };
      const command = ["curl", ...curlArguments([[get(fixture.body(16_384))]], target, fixture)];
      const { code, stderr } = await runProgram("source", fixture, ...command);
      assert.equal(code, 0, stderr);
      const counts = String.raw`1 flow, 16 KiB captured, 16 KiB forged, \d+ packets`;
      assert.match(stderr, new RegExp(`^sslcollector: curl\\[\\d+\\]: ${counts}$`, "m"));
      assert.match(stderr, new RegExp(`^sslcollector: total: ${counts}$`, "m"));
      assert.match(stderr, /^sslcollector: .*out\.pcapng: \d+ packets, /m);
      assert.doesNotMatch(stderr, /^[+-] /m);
    }),
});

Deno.test({
  name: "a program that a seccomp filter confines from its start is mirrored only when asked for",
  ...skipIf(lacking, lackingCompiler, missing("curl")),
  fn: () =>
    withFixture(async (fixture) => {
      await using server = new PeerServer(fixture);
      const confined = fixture.path("confined");
      await runOk("cc", "-o", confined, CONFINED);
      const target = { hostname: server.hostname, port: server.port };
      const command = [confined, "curl", ...curlArguments([[get(fixture.body(16_384))]], target, fixture)];
      for (const [settings, flows] of [[[], 0], [["SSLCOLLECTOR_SECCOMP=connect"], 1]] as const) {
        const args = [
          "run",
          ...mirrorOptions(fixture.path("out.pcapng")),
          "--",
          "env",
          ...settings,
          ...command,
        ];
        assert.equal(summaryOf(await runSslcollector("source", fixture, args)).total.flows, flows);
      }
    }),
});
