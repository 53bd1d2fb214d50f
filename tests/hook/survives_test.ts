// SPDX-License-Identifier: MIT
/** What correct programs do that once harmed them with the hook: as without it, with and without an agent. @module */
import assert from "node:assert/strict";
import { missing } from "../support/run.ts";
import { notRoot, skipIf } from "../support/skip.ts";
import { certificateFiles, Collector, compile, hooked, run, WORK } from "./native.ts";

const LINKED = ["-lssl", "-lcrypto", "-lpthread", "-ldl"];

/** Runs it alone, with the hook, and with the hook and an agent; `expected` is what it says. */
async function survives(program: string, args: string[], expected: string): Promise<void> {
  const { cert, key } = await certificateFiles();
  const files = { CERT: cert, KEY: key };
  const collector = await Collector.start();
  try {
    for (const hook of [{}, await hooked(`${WORK}/none`), await hooked(collector.runtime)]) {
      const output = await run(program, args, { ...files, ...hook });
      assert.deepEqual(output, { code: 0, signal: null, stdout: expected, stderr: "" });
    }
  } finally {
    await collector.stop();
  }
}

const programs = {
  "a limit on private memory": ["data", "0 \n1 \n"],
  "a limit that a child of vfork sets for itself": ["vforked", "0 \n"],
  "a probe of memory while a hello is awaited": ["probe", "-1 Bad address\n"],
  "a probe of memory in a callback of the library": ["callback", "-1 Bad address\n"],
  "a coroutine given up before its first record": ["given-up", "15 \n"],
  "a coroutine given up after it, its descriptor used again": ["carried", "15 \n"],
};

for (const [name, [what, expected]] of Object.entries(programs)) {
  Deno.test(name, async () => {
    await survives(await compile("survives", ["survives.c"], LINKED), [what], expected);
  });
}

Deno.test(
  "a forked child that cannot lock its memory",
  skipIf(notRoot("becoming another user")),
  async () => {
    const program = await compile("survives", ["survives.c"], LINKED);
    // Without this capability the limit holds, for root too.
    const args = ["--bounding-set", "-ipc_lock", "--inh-caps", "-ipc_lock", program, "child"];
    await survives("setpriv", args, "-1 Cannot allocate memory\n0 \n");
  },
);

Deno.test(
  "memory that is locked, taken, and not to be locked",
  skipIf(notRoot("becoming another user")),
  async () => {
    await compile("libfake.so", ["fake_tls.c"], ["-shared", "-fPIC"]);
    const linked = ["-Wl,--no-as-needed", `-L${WORK}`, "-lfake", `-Wl,-rpath,${WORK}`];
    const program = await compile("locks", ["locks.c"], linked);
    const args = ["--bounding-set", "-ipc_lock", "--inh-caps", "-ipc_lock", "--"];
    const limited = ["sh", "-c", 'ulimit -l 8192; exec "$1"', "sh", program];
    await survives("setpriv", [...args, ...limited], "0 \n-1 Cannot allocate memory\n1 \n");
  },
);

Deno.test("memory locked before a TLS library comes", skipIf(notRoot("locking memory")), async () => {
  const program = await compile("late", ["late.c"], ["-ldl"]);
  await survives(program, ["libssl.so.3"], "0 0\n");
});

Deno.test("more libraries with a function of the C library's than are noted, and more libraries than that", async () => {
  const library = await compile("locker.so", ["locker.c"], ["-shared", "-fPIC"]);
  for (const count of [12, 70]) {
    const copies = Array.from({ length: count }, (_, i) => `${WORK}/locker${i}.so`);
    for (const copy of copies) Deno.copyFileSync(library, copy);
    await survives(await compile("crowded", ["crowded.c"], ["-Wl,--no-as-needed", ...copies]), [], "8 3 3\n");
  }
});

Deno.test("a plugin's own function of a name that the hook has, bound by RTLD_DEEPBIND", async () => {
  const program = await compile("loads", ["loads.c"], ["-ldl"]);
  const plugin = await compile("libnamesake.so", ["namesake.c"], ["-shared", "-fPIC"]);
  await survives(program, [plugin], "4242\n");
});

Deno.test("a plugin, bound by RTLD_DEEPBIND, that confines its process when it is loaded", async () => {
  const program = await compile("loads", ["loads.c"], ["-ldl"]);
  const flags = ["-shared", "-fPIC", "-Wl,-z,now,-z,relro"];
  const plugin = await compile("libconfiner.so", ["confiner.c"], flags);
  await survives(program, [plugin], "fine\n5\n");
});

Deno.test({
  name: "a program of musl's whose environment another library has moved",
  ...skipIf(missing("musl-gcc")),
  fn: async () => {
    await compile("libfake.so", ["fake_tls.c"], ["-shared", "-fPIC"], "musl-gcc");
    const linked = [`-L${WORK}`, "-lfake", `-Wl,-rpath,${WORK}`];
    const program = await compile("small", ["small.c"], linked, "musl-gcc");
    const mover = await compile("libmover.so", ["moves_environment.c"], ["-shared", "-fPIC"], "musl-gcc");
    const env = await hooked(`${WORK}/none`);
    const output = await run(program, [], { ...env, LD_PRELOAD: `${mover}:${env.LD_PRELOAD}` });
    assert.deepEqual(output, await run(program, [], { LD_PRELOAD: mover }));
    assert.equal(output.code, 0);
  },
});

Deno.test("TLS libraries that come and go, more than the hook knows at a time", async () => {
  const program = await compile("reloads", ["reloads.c"], ["-ldl"]);
  const plugins = await Promise.all(
    ["one", "two"].map((name) => compile(`lib${name}.so`, ["tiny_tls.c"], ["-shared", "-fPIC"])),
  );
  await survives(program, plugins, "120\n");
});

Deno.test("a TLS library in the place of one that was unloaded, which is used as it is loaded", async () => {
  const program = await compile("replaced", ["replaced.c"], ["-ldl"]);
  const shared = ["-shared", "-fPIC"];
  const first = await compile("libreplaced.so", ["tiny_tls.c"], shared);
  const second = await compile("libreplacing.so", ["tiny_tls.c"], [...shared, "-DASKS_ITSELF"]);
  await survives(program, [first, second], "5\n5\n");
});

Deno.test("memory given back while a thread is held up within a ring that was given up", async () => {
  await compile("libfake.so", ["fake_tls.c"], ["-shared", "-fPIC"]);
  const linked = [`-L${WORK}`, "-lfake", `-Wl,-rpath,${WORK}`, "-lpthread"];
  const program = await compile("stalled", ["stalled.c"], linked);
  for (const where of ["slots", "data"]) {
    for (const way of ["setrlimit", "mlockall"]) await survives(program, [where, way], "fine\n");
  }
});

Deno.test("sessions that begin while their table is made smaller", async () => {
  const output = await run(await compile("shrinking", ["shrinking.c"]), []);
  assert.deepEqual(output, { code: 0, signal: null, stdout: "", stderr: "" });
});
