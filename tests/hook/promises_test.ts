// SPDX-License-Identifier: MIT
/** Programs that a library in their midst could harm: confined, locked into memory, left in the middle of a call. @module */
import assert from "node:assert/strict";
import { notRoot, skipIf } from "../support/skip.ts";
import { TextLineStream } from "../support/lines.ts";
import { certificateFiles, Collector, compile, hooked, type Output, run, WORK } from "./native.ts";

const LINKED = ["-lssl", "-lcrypto", "-lpthread", "-ldl"];
const NOBODY = 65534;

const fine = (stdout: string): Output => ({ code: 0, signal: null, stdout, stderr: "" });

/** The environment of a mirrored program that makes TLS connections to itself. */
async function environment(runtime: string): Promise<Record<string, string>> {
  const { cert, key } = await certificateFiles();
  return { ...await hooked(runtime), CERT: cert, KEY: key };
}

Deno.test("a filter that kills on what the program itself does not call", async (t) => {
  const program = await compile("confined", ["confined.c"], LINKED);
  const library = await compile("libconfining.so", ["confining.c"], ["-shared", "-fPIC"]);
  const { cert, key } = await certificateFiles();
  for (const way of ["inline", "dlsym", library, "prctl", "syscall"]) {
    for (const forked of [[], ["forked"]]) {
      const name = `${way.replace(/.*\//, "")} ${forked}`;
      await t.step(`${name}, no agent`, async () => {
        const alone = await run(program, [way, ...forked], { CERT: cert, KEY: key });
        assert.deepEqual(alone, fine("fine\n"));
        const output = await run(program, [way, ...forked], await environment(`${WORK}/none`));
        assert.deepEqual(output, fine("fine\n"));
      });
      await t.step(`${name}, with an agent`, async () => {
        const collector = await Collector.start();
        const output = await run(program, [way, ...forked], await environment(collector.runtime));
        await collector.stop();
        assert.deepEqual(output, fine("fine\n"));
        const small = 400 * 100 + (forked.length === 0 ? 100 : 0), large = 400 * 10000 + 50000;
        const bytes = collector.flows.map((flow) => flow.bytes[0] + flow.gaps[0]).sort((a, b) => a - b);
        assert.deepEqual(bytes, [small, small, large, large]);
      });
    }
  }
});

Deno.test("memory that is locked at the limit", skipIf(notRoot("becoming another user")), async () => {
  const program = await compile("mlockall", ["mlockall.c"], LINKED);
  Deno.chmodSync(WORK, 0o755);
  const hook = (await hooked("/none")).LD_PRELOAD;
  const directory = Deno.makeTempDirSync();
  try {
    Deno.chmodSync(directory, 0o755);
    Deno.copyFileSync(hook, `${directory}/hook.so`);
    const script =
      `ulimit -s 64 && ulimit -l "$1" && LD_PRELOAD="$2" exec setpriv --reuid ${NOBODY} --regid ${NOBODY} --clear-groups "$3"`;
    const locked = async (limit: number, preload: string) =>
      (await run("sh", ["-c", script, "sh", String(limit), preload, program])).stdout;
    // The least limit at which the program succeeds with the library but nothing that the hook does.
    const off = { SSLCOLLECTOR_HOOK: "0" };
    let limit = 7168;
    while (
      (await run("sh", ["-c", script, "sh", String(limit), `${directory}/hook.so`, program], off)).stdout !==
        "0 Success\n"
    ) {
      limit += 64;
      assert(limit < 65_536, "the program cannot lock its memory, or the limit cannot be set");
    }
    assert.equal(await locked(limit + 64, `${directory}/hook.so`), "0 Success\n");
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
});

Deno.test("nothing that others can truncate is mapped", async () => {
  const collector = await Collector.start();
  const program = await compile("threads", ["threads.c"], LINKED);
  const child = new Deno.Command(program, {
    args: ["handler"],
    env: await environment(collector.runtime),
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const output = child.stdout.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream());
  await output[Symbol.asyncIterator]().next();
  const maps = Deno.readTextFileSync(`/proc/${child.pid}/maps`).split("\n");
  assert.deepEqual(maps.filter((line) => line.includes(collector.runtime)), []);
  assert.equal(maps.filter((line) => /memfd:sslcollector:3:[0-9a-f]{16} /.test(line)).length, 1);
  await child.stdin.close();
  assert.equal((await child.status).code, 0);
  await collector.stop();
});

for (const what of ["blocked", "left", "handler", "cancelled"]) {
  Deno.test(`calls that are ${what}: other records are all seen, while it lasts`, async () => {
    const program = await compile("threads", ["threads.c"], LINKED);
    const collector = await Collector.start();
    const child = new Deno.Command(program, {
      args: [what],
      env: await environment(collector.runtime),
      stdin: "piped",
      stdout: "null",
    }).spawn();
    const whole = 1000 * 600;
    await collector.until((line) =>
      line.kind === "data" && line.offset + line.length === whole && line.direction === 0
    );
    await child.stdin.close();
    assert.equal((await child.status).code, 0);
    await collector.stop();
    const seen = collector.flows.filter((flow) => flow.bytes[0] === whole && flow.gaps[0] === 0);
    assert.equal(seen.length, 2);
  });
}

Deno.test("libraries that are loaded with RTLD_DEEPBIND", async (t) => {
  const program = await compile("deepbind", ["deepbind.c"], ["-ldl"]);
  const builds = { lazy: ["-Wl,-z,lazy,-z,norelro"], "read-only": ["-Wl,-z,now,-z,relro"] };
  for (const [build, flags] of Object.entries(builds)) {
    const library = await compile(`lib${build}.so`, ["deepbound.c"], [
      "-shared",
      "-fPIC",
      ...flags,
      ...LINKED,
    ]);
    for (const mode of ["plain", "deep"]) {
      await t.step(`${build}, ${mode}`, async () => {
        const collector = await Collector.start();
        const output = await run(program, [library, mode], await environment(collector.runtime));
        await collector.stop();
        assert.deepEqual(output, fine("passed\n"));
        assert.deepEqual(collector.flows.map((flow) => flow.bytes[0]), [5, 5]);
        assert.deepEqual(collector.flows.map((flow) => flow.open.grade), ["hello", "hello"]);
      });
    }
  }
});

Deno.test(
  "a program that only has a TLS library touches no page for it",
  skipIf(notRoot("opening another process's memory")),
  async () => {
    const collector = await Collector.start();
    const program = await compile("idle", ["idle.c"], LINKED);
    const child = new Deno.Command(program, {
      env: await environment(collector.runtime),
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    const output = child.stdout.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream());
    await output[Symbol.asyncIterator]().next();
    const line = Deno.readTextFileSync(`/proc/${child.pid}/maps`).split("\n").find((line) =>
      line.includes("/memfd:sslc")
    );
    const range = line!.split(" ")[0].split("-").map((address) => address.replace(/^0+/, "")).join("-");
    assert.equal(Deno.statSync(`/proc/${child.pid}/map_files/${range}`).blocks, 0);
    await child.stdin.close();
    assert.equal((await child.status).code, 0);
    await collector.stop();
    assert.deepEqual(collector.rings, []);
  },
);

/** Pages of its own, in KiB, that a process has of the hook: copies of those of its file, and of the zeros behind that. */
function pagesOfHook(pid: number): number {
  let isHooks = false, sum = 0;
  for (const line of Deno.readTextFileSync(`/proc/${pid}/smaps`).split("\n")) {
    const mapping = /^[0-9a-f]+-[0-9a-f]+ .{4} \w+ \S+ \d+ *(.*)$/.exec(line);
    if (mapping) isHooks = mapping[1].includes("libsslcollector_hook") || isHooks && mapping[1] === "";
    const own = /^Anonymous: +(\d+) kB/.exec(line);
    if (own && isHooks) sum += Number(own[1]);
  }
  return sum;
}

Deno.test("a program without a TLS library has four pages of the hook at most, and nothing else of it", async () => {
  const collector = await Collector.start();
  const child = new Deno.Command("cat", {
    env: await hooked(collector.runtime),
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode("a line\n"));
  const reader = child.stdout.getReader();
  await reader.read();
  const pages = pagesOfHook(child.pid);
  assert(pages > 0 && pages <= 16, `${pages} KiB`);
  assert.doesNotMatch(Deno.readTextFileSync(`/proc/${child.pid}/maps`), /memfd:/);
  await writer.close();
  await reader.cancel();
  assert.equal((await child.status).code, 0);
  await collector.stop();
  assert.deepEqual(collector.rings, []);
});
