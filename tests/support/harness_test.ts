// SPDX-License-Identifier: MIT
/** The run of the tests: limits that name what was waited for, skips by name, the last line. @module */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { run, withTempDir } from "./run.ts";
import { notLinux, skipIf } from "./skip.ts";
import { until } from "./until.ts";

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const SUPPORT = `import { awaited, until } from ${JSON.stringify(at("until.ts"))};
import { skipIf } from ${JSON.stringify(at("skip.ts"))};
`;

/** Whether a process is there, and not only waiting for somebody to take note of its end. */
function isRunning(pid: string): boolean {
  try {
    return !/^State:\tZ/m.test(Deno.readTextFileSync(`/proc/${pid}/status`));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Runs a test file with this text as the whole suite is run. */
async function runFile(text: string): Promise<{ code: number; lines: string[] }> {
  return await withTempDir(async (folder) => {
    await Deno.writeTextFile(`${folder}/some_test.ts`, SUPPORT + text);
    const args = ["run", "-A", at("../main.ts"), "--no-check", `${folder}/some_test.ts`];
    const { code, stdout } = await run(Deno.execPath(), args);
    // deno-lint-ignore no-control-regex -- colours
    return { code, lines: stdout.replaceAll(/\x1b\[[\d;]*m/g, "").trimEnd().split("\n") };
  });
}

Deno.test("harness: a test that is over its limit is named with what it waited for, and cleans up", async () => {
  const { code, lines } = await runFile(`Deno.test({
    name: "patient",
    timeout: 300,
    fn: async () => {
      try {
        await Promise.all([until("the moon", () => false), awaited("the sun", new Promise(() => {}))]);
      } finally {
        console.log("cleaned up");
      }
    },
  });
  Deno.test("next", () => {});
  Deno.test("thrower", () => {
    throw new Error("at once");
  });`);
  assert.notEqual(code, 0);
  const failure = lines.find((line) => line.includes("over its limit of 0.3 s"));
  assert.match(failure!, /waiting for: the moon \(0\.\d s\); the sun \(0\.\d s\)$/);
  assert(lines.includes("cleaned up"));
  assert(lines.some((line) => /^patient => .*some_test\.ts:3:6$/.test(line)), "the place is the test's own");
  assert.equal(lines.at(-1), "1 passed, 2 failed, 0 skipped");
});

Deno.test("harness: what a test over its limit started is ended", skipIf(notLinux("/proc")), async () => {
  const { lines } = await runFile(`
  Deno.test({
    name: "parent",
    timeout: 300,
    fn: async () => {
      const script = "sleep 1000 & echo $!; wait";
      const child = new Deno.Command("sh", { args: ["-c", script], stdout: "piped" }).spawn();
      const { value } = await child.stdout.getReader().read();
      console.log("pid", new TextDecoder().decode(value).trim());
      await awaited("the child", child.status.then(() => new Promise(() => {})));
    },
  });`);
  const pid = lines.find((line) => line.startsWith("pid "))!.slice(4);
  assert.match(pid, /^\d+$/);
  await until("the end of what the child has started", () => !isRunning(pid));
  assert.equal(lines.at(-1), "0 passed, 1 failed, 0 skipped");
});

Deno.test("harness: a skipped test is listed with its reason and counted", async () => {
  const { code, lines } = await runFile(`
  Deno.test({ name: "first", ...skipIf(undefined, "no [such] tool\\nin the path"), fn: () => {} });
  Deno.test("second", skipIf(false, "no [such] tool", "another"), () => {});
  Deno.test("third", skipIf(undefined), () => {});
  Deno.test("fourth", skipIf("another"), () => {});`);
  assert.equal(code, 0);
  assert.deepEqual(lines.slice(-6), [
    "skipped: no [such] tool",
    "    first",
    "    second",
    "skipped: another",
    "    fourth",
    "1 passed, 0 failed, 3 skipped",
  ]);
});

Deno.test("harness: a test is not skipped without a reason, and a file that fails counts", async () => {
  const { code, lines } = await runFile(`Deno.test({ name: "mute", ignore: true, fn: () => {} });`);
  assert.notEqual(code, 0);
  assert(lines.some((line) => line.includes(`test "mute" is skipped without a reason`)));
  assert.equal(lines.at(-1), "0 passed, 1 failed, 0 skipped");
});
