// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { ABI, MAGIC, RING_NO_WAKE, SLOTS_MAX } from "../../net/capture/record/layout.ts";
import { HookReceiver } from "../../net/capture/preload/hook_source.ts";
import { CaptureLog } from "../support/capture_log.ts";
import { Commanded } from "./commanded.ts";
import { certificateFiles, Collector, compile, hooked, type Output, run, WORK } from "./native.ts";
import { until } from "../support/until.ts";

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

/** A control page as an agent writes it, but for what `change` does to it. */
function controlPage(change: (view: DataView) => void): Uint8Array {
  const page = new Uint8Array(4096);
  const view = new DataView(page.buffer);
  const nowNs = BigInt(Math.round(Number(Deno.readTextFileSync("/proc/uptime").split(" ")[0]) * 1e9));
  view.setUint32(0, MAGIC, true);
  view.setUint32(4, ABI, true);
  view.setBigUint64(8, 77n, true);
  view.setBigUint64(16, nowNs + 60_000_000_000n, true);
  view.setUint32(32, 262144, true);
  view.setUint32(36, 1024, true);
  view.setUint32(40, 1 << 24, true);
  view.setUint32(44, SLOTS_MAX, true);
  view.setUint32(48, 4, true);
  change(view);
  return page;
}

/** An agent that is not there, or not as it should be: fills its runtime directory and answers how to take it away. */
type Brokenness = (runtime: string) => Disposable | void;

/** A listening socket that never accepts; Deno has none of the right kind. */
async function deafListener(): Promise<string> {
  return await compile("deaf", ["deaf.c"]);
}

const BROKEN: Record<string, Brokenness> = {
  "no runtime directory": (runtime) => Deno.removeSync(runtime),
  "an empty runtime directory": () => {},
  "a control page of rubbish": (runtime) =>
    Deno.writeFileSync(`${runtime}/control`, crypto.getRandomValues(new Uint8Array(4096))),
  "a control page cut short": (runtime) =>
    Deno.writeFileSync(`${runtime}/control`, controlPage(() => {}).subarray(0, 100)),
  "a control page that anybody may write": (runtime) => {
    Deno.writeFileSync(`${runtime}/control`, controlPage(() => {}));
    Deno.chmodSync(`${runtime}/control`, 0o666);
  },
  "a control page that is a directory": (runtime) => Deno.mkdirSync(`${runtime}/control`),
  "another version": (runtime) => {
    Deno.writeFileSync(`${runtime}/control`, controlPage((view) => view.setUint32(4, ABI + 1, true)));
    return listenToNone(runtime);
  },
  "a heartbeat long ago": (runtime) =>
    Deno.writeFileSync(`${runtime}/control`, controlPage((view) => view.setBigUint64(16, 1n, true))),
  "an agent that is going": (runtime) =>
    Deno.writeFileSync(`${runtime}/control`, controlPage((view) => view.setUint32(28, 1, true))),
  "a control page without a socket": (runtime) =>
    Deno.writeFileSync(`${runtime}/control`, controlPage(() => {})),
  "impossible sizes and a socket that does not accept": (runtime) => {
    Deno.writeFileSync(
      `${runtime}/control`,
      controlPage((view) => {
        for (const offset of [32, 36, 40, 44, 48]) view.setUint32(offset, 0xffffffff, true);
      }),
    );
    return listen(runtime);
  },
  "sizes of nothing and a socket that does not accept": (runtime) => {
    Deno.writeFileSync(
      `${runtime}/control`,
      controlPage((view) => {
        for (const offset of [32, 36, 40, 44, 48]) view.setUint32(offset, 0, true);
      }),
    );
    return listen(runtime);
  },
};

/** Listens and accepts nothing, with a queue for one. */
function listen(runtime: string): Disposable {
  const child = new Deno.Command(`${WORK}/deaf`, {
    args: [`${runtime}/hook.sock`],
    stdin: "piped",
    stdout: "piped",
  })
    .spawn();
  while (!exists(`${runtime}/hook.sock`));
  return {
    [Symbol.dispose]() {
      child.kill("SIGKILL");
      child.stdin.close().catch(() => {});
      child.stdout.cancel().catch(() => {});
    },
  };
}

/** The same, and fails if anybody came. */
function listenToNone(runtime: string): Disposable {
  const listener = listen(runtime);
  return {
    [Symbol.dispose]() {
      try {
        assert.equal(connections(`${runtime}/hook.sock`), 1, "a program connected");
      } finally {
        listener[Symbol.dispose]();
      }
    },
  };
}

/** Sockets of this path: the one that listens, and one for each connection that waits. */
function connections(path: string): number {
  return Deno.readTextFileSync("/proc/net/unix").split("\n").filter((line) => line.endsWith(` ${path}`))
    .length;
}

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
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
        const taken = make(runtime);
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
const LIMIT_MIB = 300;
const ALLOCATED_MIB = 200;

Deno.test("a limit on addresses that a mirrored program sets leaves it what it leaves without the hook", async (t) => {
  for (const way of ["setrlimit", "setrlimit64", "prlimit", "prlimit64"]) {
    await t.step(way, async () => {
      const directory = Deno.makeTempDirSync({ dir: WORK });
      const receiver = new HookReceiver({
        runtimeDir: directory,
        target: new CaptureLog(),
        timeBaseNs: BigInt(Date.now()) * 1_000_000n,
      });
      const running = receiver.run();
      try {
        await using program = await Commanded.start(directory, ":", way);
        const { mapped } = await program.do("write", 64);
        assert(mapped >> 10 > LIMIT_MIB, `${mapped} KiB are mapped`);
        await program.do("limit", LIMIT_MIB);
        await program.do("allocate", ALLOCATED_MIB);
        const { records } = receiver.counters;
        await program.do("write", 64);
        await until("four more records", () => receiver.counters.records >= records + 4);
      } finally {
        await receiver.close();
        await running;
      }
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
      assert.equal((collector.rings[0].flags & RING_NO_WAKE) !== 0, way !== "none");
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
      assert.deepEqual(collector.rings.map((ring) => ring.flags & RING_NO_WAKE), [0]);
      assert.deepEqual(collector.flows.map((flow) => flow.bytes[0]), [200]);
    });
  }
});
