// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { until } from "../support/until.ts";
import { Commanded } from "./commanded.ts";
import { certificateFiles, Collector, compile, hooked, type Output, run, WORK } from "./native.ts";
import { exists } from "../../net/ffi/stat.ts";

const PROGRAMS = new URL("./programs/", import.meta.url).pathname;

/** Runs a shell script with the hook. */
async function shell(script: string, runtime: string): Promise<Output> {
  return await run("sh", ["-c", script], await hooked(runtime));
}

/** The programs of the tests below; what they print does not depend on the run. */
async function programs(): Promise<Record<string, string>> {
  const { cert, key } = await certificateFiles();
  const serve =
    `openssl s_server -accept 127.0.0.1:0 -cert ${cert} -key ${key} -naccept 1 -www </dev/null 2>&1`;
  const port =
    `while read -r word address rest; do [ "$word" = ACCEPT ] && echo "\${address##*:}" && break; done`;
  return {
    "curl of openssl s_server": `mkfifo $$.out; trap 'rm -f $$.out' EXIT; ${serve} >$$.out & exec 3<$$.out
      curl -sk https://127.0.0.1:$(${port} <&3)/ | grep -c 'Ciphers supported'; cat <&3 >/dev/null; wait`,
    "Python, blocking": `python3 ${PROGRAMS}blocking.py ${cert} ${key} 300000 | tail -n 1`,
    "Python, asyncio": `python3 ${PROGRAMS}streams.py ${cert} ${key} 300000 | tail -n 1`,
    "a program without TLS": "ls -d /etc; echo $((6 * 7)); (exit 3)",
  };
}

/** An agent that is not there, or not as it should be: fills its runtime directory and answers how to take it away. */
type Brokenness = (runtime: string) => Promise<Disposable | void> | void;

/** A listening socket that never accepts; Deno has none of the right kind. */
async function deafListener(): Promise<string> {
  return await compile("deaf", ["deaf.c"]);
}

const BROKEN: Record<string, Brokenness> = {
  "no runtime directory": (runtime) => Deno.removeSync(runtime),
  "an empty runtime directory": () => {},
  "a file in place of the socket": (runtime) => Deno.writeTextFileSync(`${runtime}/hook.sock`, "rubbish"),
  "a directory in place of the socket": (runtime) => Deno.mkdirSync(`${runtime}/hook.sock`),
  "a socket whose server was killed": async (runtime) => (await listen(runtime))[Symbol.dispose](),
  "a socket that does not accept": (runtime) => listen(runtime),
};

/** Listens and accepts nothing, with a queue for one. */
async function listen(runtime: string): Promise<Disposable> {
  const child = new Deno.Command(`${WORK}/deaf`, {
    args: [`${runtime}/hook.sock`],
    stdin: "piped",
    stdout: "piped",
  })
    .spawn();
  await until("a listener", () => exists(`${runtime}/hook.sock`), 1);
  return {
    [Symbol.dispose]() {
      child.kill("SIGKILL");
      child.stdin.close().catch(() => {});
      child.stdout.cancel().catch(() => {});
    },
  };
}

Deno.test(
  "programs do the same with the hook and a broken agent",
  { sanitizeResources: false },
  async (t) => {
    await deafListener();
    const scripts = await programs();
    const expected = new Map<string, Output>();
    for (const [name, script] of Object.entries(scripts)) {
      expected.set(
        name,
        await run("sh", ["-c", `cd ${WORK}; ${script}`]),
      );
    }
    assert.equal(expected.get("a program without TLS")!.code, 3);
    assert.equal(expected.get("curl of openssl s_server")!.stdout, "1\n");
    for (const [name, make] of Object.entries(BROKEN)) {
      await t.step(name, async () => {
        const runtime = Deno.makeTempDirSync({ dir: WORK });
        const taken = await make(runtime);
        try {
          const same = async ([program, script]: [string, string]) =>
            assert.deepEqual(await shell(`cd ${WORK}; ${script}`, runtime), expected.get(program), program);
          await Promise.all(Object.entries(scripts).map(same));
        } finally {
          taken?.[Symbol.dispose]();
        }
      });
    }
    await t.step("a name too long for a socket", async () => {
      assert.deepEqual(
        await shell(scripts["a program without TLS"], `/${"x".repeat(200)}`),
        expected.get("a program without TLS"),
      );
    });
  },
);

Deno.test("resource limits: unmirrored or small, never harmed", async (t) => {
  const { cert, key } = await certificateFiles();
  const script = `python3 ${PROGRAMS}blocking.py ${cert} ${key} 300000 | tail -n 1`;
  const limits: Record<string, boolean> = {
    "ulimit -f 1000": false, // 1,000 KiB: no region, and no SIGXFSZ
    "ulimit -v 800000": true,
    "ulimit -v 100000000": true,
    "ulimit -n 16": true,
    "ulimit -l 64": true,
  };
  for (const [limit, mirrored] of Object.entries(limits)) {
    await t.step(limit, async () => {
      const collector = await Collector.start();
      const output = await run("sh", ["-c", `${limit}; ${script}`], await hooked(collector.runtime));
      await collector.stop();
      assert.deepEqual(output, { code: 0, signal: null, stdout: "300000\n", stderr: "" });
      assert.equal(collector.flows.length > 0, mirrored);
    });
  }
});

/** More than the hook's own mappings leave of it when a region for eight processes is among them. */
const LIMIT_MIB = 120;
const ALLOCATED_MIB = 80;

Deno.test("a limit on addresses that a mirrored program sets leaves it what it leaves without the hook", async (t) => {
  for (const way of ["setrlimit", "setrlimit64", "prlimit", "prlimit64", "prlimit in place", "a thread"]) {
    await t.step(way, async () => {
      const collector = await Collector.start();
      {
        await using program = await Commanded.start(collector.runtime, ":", way);
        const { mapped } = await program.do("write", 64);
        assert(mapped >> 10 > LIMIT_MIB, `${mapped} KiB are mapped`);
        await program.do("limit", LIMIT_MIB);
        await program.do("allocate", ALLOCATED_MIB);
        await program.do("write", 64);
      }
      await collector.stop();
      assert.deepEqual(collector.flows.map((flow) => flow.bytes[0]), [128 << 10]);
    });
  }
});

Deno.test("SSLCOLLECTOR_HOOK=0 switches the hook off", async () => {
  const { cert, key } = await certificateFiles();
  const collector = await Collector.start();
  const env = { ...await hooked(collector.runtime), SSLCOLLECTOR_HOOK: "0" };
  const output = await run("python3", [`${PROGRAMS}blocking.py`, cert, key, "1000"], env);
  await collector.stop();
  assert.equal(output.code, 0);
  assert.deepEqual(collector.lines.filter((line) => line.kind !== "ready"), []);
});

Deno.test("a seccomp filter: no system call of the hook's after it", async (t) => {
  await compile("libfake.so", ["fake_tls.c"], ["-shared", "-fPIC"]);
  const linked = [`-L${WORK}`, "-lfake", `-Wl,-rpath,${WORK}`];
  const program = await compile("sandboxed", ["sandboxed.c"], linked);
  for (const way of ["prctl", "syscall", "none"]) {
    await t.step(`put in force by ${way}`, async () => {
      const collector = await Collector.start();
      const output = await run(program, [way], await hooked(collector.runtime));
      await collector.stop();
      assert.deepEqual(output, { code: 0, signal: null, stdout: "fine\n", stderr: "" });
      assert.equal(collector.rings.length, 1);
      const bytes = collector.flows.map((flow) => flow.bytes[0] + flow.gaps[0]);
      assert.deepEqual(bytes.sort(), [250000, 250500]);
    });
  }
  await t.step("no agent before it", async () => {
    const runtime = Deno.makeTempDirSync({ dir: WORK });
    assert.equal((await run(program, ["prctl", "before"], await hooked(runtime))).stdout, "fine\n");
  });
});

Deno.test("a filter of a child of vfork's is not its parent's", async (t) => {
  await compile("libfake.so", ["fake_tls.c"], ["-shared", "-fPIC"]);
  const linked = [`-L${WORK}`, "-lfake", `-Wl,-rpath,${WORK}`];
  const program = await compile("vfork", ["vfork.c"], linked);
  for (const way of ["prctl", "syscall"]) {
    await t.step(way, async () => {
      const collector = await Collector.start();
      const output = await run(program, [way], await hooked(collector.runtime));
      await collector.stop();
      assert.deepEqual(output, { code: 0, signal: null, stdout: "", stderr: "" });
      assert.deepEqual(collector.flows.map((flow) => flow.bytes[0]), [200]);
    });
  }
});
