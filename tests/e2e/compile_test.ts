// SPDX-License-Identifier: MIT
/** The executable that `deno task compile` makes. */
import assert from "node:assert/strict";
import { bundleWhole } from "../../tools/build/bundle.ts";
import { compile } from "../../tools/compile.ts";
import { formatOf, ownTarget, targetOf } from "../../tools/build/target.ts";
import { buildHook } from "../../tools/hook.ts";
import { missing, withTempDir } from "../support/run.ts";
import { notLinux, skipIf } from "../support/skip.ts";
import { baseMissing } from "./support/base.ts";
import { Child } from "./support/child.ts";
import { PageOfProgram } from "./support/page.ts";

const SIZE_MAX = 100e6;
const noBase = await baseMissing();

async function digest(path: string): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", await Deno.readFile(path))).toHex();
}

Deno.test({
  name: "compile: two builds are identical, and smaller than 100 MB",
  ...skipIf(noBase),
  fn: () =>
    withTempDir(async (folder) => {
      const first = await compile(ownTarget(), `${folder}/first`);
      const second = await compile(ownTarget(), `${folder}/second`);
      assert.equal(await digest(first), await digest(second));
      const { size } = await Deno.stat(first);
      assert(size < SIZE_MAX, `${size} bytes`);
    }),
});

Deno.test({
  name: "compile: the program writes no file when it runs, not even a cache of its code",
  ...skipIf(noBase, notLinux("the executable of this system")),
  fn: () =>
    withTempDir(async (folder) => {
      const command = await compile(ownTarget(), `${folder}/program`);
      const env = { TMPDIR: `${folder}/tmp`, HOME: `${folder}/home` };
      for (const path of Object.values(env)) await Deno.mkdir(path);
      const { code } = await new Deno.Command(command, { args: ["codecs"], cwd: env.HOME, env }).output();
      assert.equal(code, 0);
      for (const path of Object.values(env)) assert.deepEqual([...Deno.readDirSync(path)], []);
    }),
});

Deno.test({
  name: "compile: the hook of another target is for that target's machine",
  ...skipIf(notLinux("a cross compiler"), missing("aarch64-linux-gnu-gcc")),
  fn: async () => {
    const path = await buildHook(targetOf("aarch64-unknown-linux-gnu"));
    assert.deepEqual(formatOf(await Deno.readFile(path)), { format: "elf", machine: 183 });
    assert.notEqual(path, await buildHook());
  },
});

Deno.test("bundle: one file is the whole program, a collector's threads and page included", async () => {
  await withTempDir(async (folder) => {
    await bundleWhole(`${folder}/program.js`);
    const place = [
      "-C",
      "--ui",
      "0",
      "--workers",
      "1",
      "-L",
      "127.0.0.1:0",
      "--insecure-plaintext",
      "-o",
      "./x.pcapng",
    ];
    await using collector = new Child(Deno.execPath(), {
      args: ["run", "-A", "--no-config", "program.js", ...place, "--state", "state", "--runtime-dir", "run"],
      cwd: folder,
      env: { SSLCOLLECTOR_CONFIG: "/dev/null" },
    });
    await collector.found("stderr", /collecting on 127\.0\.0\.1:\d+/);
    assert.match(await (await PageOfProgram.of(collector)).text("/page.js"), /api\/rows/);
    collector.kill("SIGTERM");
    const { code, stderr } = await collector.ended;
    assert.equal(code, 0, stderr);
  });
});
