// SPDX-License-Identifier: MIT
/**
 * Programs that a library in their midst could harm, under valgrind and AddressSanitizer: none of their memory is read or written in a way
 * that either of them finds. `INSTRUMENTED=all` in the environment runs all of them, and valgrind at all, which ends a program of whose
 * library it reads a breakpoint that kernel probes of another test have put there. Programs that confine themselves are not among
 * them: valgrind and the sanitizer make system calls of their own.
 */
import assert from "node:assert/strict";
import { missing } from "../support/run.ts";
import { skipIf } from "../support/skip.ts";
import { certificateFiles, Collector, compile, hooked, type Output, run, WORK } from "./native.ts";

const RUNS_ALL = Deno.env.get("INSTRUMENTED") === "all";
const asked = RUNS_ALL ? undefined : "INSTRUMENTED=all is not set";
const FAKE = [`-L${WORK}`, "-lfake", `-Wl,-rpath,${WORK}`];
const TLS = ["-lssl", "-lcrypto", "-lpthread", "-ldl"];
const OUTPUT_CALLS = ["write", "writev", "send", "sendto", "sendmsg", "sendmmsg"];
const FOUND = 99;

interface Case {
  readonly source: string;
  readonly libraries: readonly string[];
  readonly args: readonly string[];
  readonly stdout: string | RegExp;
  /** Also preloaded: it frees what output calls were given. */
  readonly isReleasing?: boolean;
  /** Valgrind finds something in it without the hook, too. */
  readonly isFaulty?: boolean;
}

const outputs = (call: string): Case => ({
  source: "outputs.c",
  libraries: FAKE,
  args: [call, "released"],
  stdout: call === "sendmmsg" ? "1\n" : "200\n",
  isReleasing: true,
});
const unreadable = (call: string): Case => ({
  source: "outputs.c",
  libraries: FAKE,
  args: [call, "unreadable"],
  stdout: /Bad address/,
  isFaulty: true,
});

const ALL: readonly Case[] = [
  ...OUTPUT_CALLS.map(outputs),
  { source: "released.c", libraries: FAKE, args: ["1", "512", "513", "16385", "262145"], stdout: "" },
  { source: "tls_released.c", libraries: TLS, args: ["CERT", "KEY", "20"], stdout: "ok\n" },
  ...OUTPUT_CALLS.map(unreadable),
];
const CASES = RUNS_ALL ? ALL : [ALL[0]];

/** How a program is built, and run. */
interface Instrument {
  readonly flags: readonly string[];
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

const INSTRUMENTS: Readonly<Record<string, Instrument>> = {
  valgrind: { flags: [], command: ["valgrind", "--quiet", `--error-exitcode=${FOUND}`], environment: {} },
  AddressSanitizer: {
    flags: ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"],
    command: [],
    environment: { ASAN_OPTIONS: `verify_asan_link_order=0:detect_leaks=0:exitcode=${FOUND}` },
  },
};

async function runInstrumented(instrument: Instrument, item: Case, runtime: string): Promise<Output> {
  const { cert, key } = await certificateFiles();
  const name = `${item.source}-${instrument.flags.length}`;
  const program = await compile(name, [item.source], [...instrument.flags, ...item.libraries]);
  const env = await hooked(runtime);
  const release = await compile("librelease.so", ["release.c"], ["-shared", "-fPIC"]);
  const preloads = item.isReleasing ? `${env.LD_PRELOAD}:${release}` : env.LD_PRELOAD;
  const args = item.args.map((word) => ({ CERT: cert, KEY: key })[word] ?? word);
  const [command, ...rest] = [...instrument.command, program, ...args];
  return await run(command, rest, { ...env, ...instrument.environment, LD_PRELOAD: preloads });
}

for (const [name, instrument] of Object.entries(INSTRUMENTS)) {
  Deno.test({
    name: `under ${name} nothing is found in programs with the hook`,
    ...skipIf(missing("cc"), instrument.command.length > 0 ? missing("valgrind") ?? asked : undefined),
    fn: async () => {
      await compile("libfake.so", ["fake_tls.c"], ["-shared", "-fPIC"]);
      for (const hasAgent of [true, false]) {
        const collector = hasAgent ? await Collector.start() : undefined;
        for (const item of CASES.filter(({ isFaulty }) => !isFaulty || instrument.command.length === 0)) {
          const what = `${item.source} ${item.args.join(" ")}, ${hasAgent ? "an" : "no"} agent`;
          const output = await runInstrumented(instrument, item, collector?.runtime ?? `${WORK}/none`);
          assert.deepEqual([output.code, output.stderr], [0, ""], what);
          if (typeof item.stdout === "string") assert.equal(output.stdout, item.stdout, what);
          else assert.match(output.stdout, item.stdout, what);
        }
        await collector?.stop();
      }
    },
  });
}
