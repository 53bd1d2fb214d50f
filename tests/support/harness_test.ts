// SPDX-License-Identifier: MIT
/** The run of the tests: limits that name what was waited for, skips by name, the last line. @module */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { run, withTempDir } from "./run.ts";
import { notLinux, skipIf } from "./skip.ts";
import { awaited, until } from "./until.ts";

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

/** Runs a test file with this text as the whole suite is run, behind a line of shell. */
async function runFile(text: string, before = ":"): Promise<{ code: number; lines: string[] }> {
  return await withTempDir(async (folder) => {
    await Deno.writeTextFile(`${folder}/some_test.ts`, SUPPORT + text);
    const command = [Deno.execPath(), "run", "-A", at("../main.ts"), "--no-check", `${folder}/some_test.ts`];
    const { code, stdout } = await run("sh", ["-c", `${before}; exec "$@"`, "sh", ...command]);
    return { code, lines: linesOf(stdout) };
  });
}

function linesOf(stdout: string): string[] {
  // deno-lint-ignore no-control-regex -- colours
  return stdout.replaceAll(/\x1b\[[\d;]*m/g, "").trimEnd().split("\n");
}

/** Runs a file with each of these texts, all at a time, as `main.ts` does without arguments. */
async function runBeside(texts: readonly string[]): Promise<{ code: number; lines: string[] }> {
  return await withTempDir(async (folder) => {
    const runs = texts.map((text, index) => {
      const name = `file${index}`;
      const path = `${folder}/${name}_test.ts`;
      Deno.writeTextFileSync(path, `const FOLDER = ${JSON.stringify(folder)};\n${SUPPORT}${text}`);
      return { name, args: ["--no-check", path] };
    });
    const runner = JSON.stringify(new URL("test_run.ts", import.meta.url).href);
    const text = `import { runTests } from ${runner}; Deno.exit(await runTests(${JSON.stringify(runs)}));`;
    const { code, stdout } = await run(Deno.execPath(), ["eval", text]);
    return { code, lines: linesOf(stdout) };
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
  assert.match(failure!, /waiting for: the moon \(\d+\.\d s\); the sun \(\d+\.\d s\)$/);
  assert(lines.includes("cleaned up"));
  assert(lines.some((line) => /^patient => .*some_test\.ts:3:6$/.test(line)), "the place is the test's own");
  assert.equal(lines.at(-1), "1 passed, 2 failed, 0 skipped");
});

Deno.test("harness: what a test over its limit started is ended", skipIf(notLinux("/proc")), async () => {
  const { lines } = await runFile(`
  Deno.test({
    name: "parent",
    timeout: 1000,
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

Deno.test(
  "harness: a run that is told to end takes its tests and their programs along",
  skipIf(notLinux("/proc")),
  () =>
    withTempDir(async (folder) => {
      const path = `${folder}/some_test.ts`;
      await Deno.writeTextFile(
        path,
        `Deno.test("hangs", async () => {
        const child = new Deno.Command("sleep", { args: ["1000"] }).spawn();
        await Deno.writeTextFile("${folder}/pids", Deno.pid + " " + child.pid + "\\n");
        await child.status;
      });`,
      );
      const args = ["run", "-A", at("../main.ts"), "--no-check", path];
      const runner = new Deno.Command(Deno.execPath(), { args, stdout: "null", stderr: "null" }).spawn();
      const told = await until(
        "the program of the test",
        async () => /^(\d+) (\d+)\n$/.exec(await Deno.readTextFile(`${folder}/pids`).catch(() => "")),
      );
      runner.kill("SIGTERM");
      assert.equal((await awaited("the end of the run", runner.status)).code, 143);
      for (const pid of told.slice(1)) await until(`the end of process ${pid}`, () => !isRunning(pid));
    }),
);

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

Deno.test("harness: settings of whoever runs the tests are not those of the tests", async () => {
  const before = "export FORCE_COLOR=1 COLUMNS=40 LC_ALL=C LANGUAGE=de; umask 077";
  const { lines } = await runFile(
    `Deno.test("says", () => {
    const names = ["FORCE_COLOR", "COLUMNS", "LC_ALL", "LANGUAGE"];
    console.log(JSON.stringify([...names.map((name) => Deno.env.get(name) ?? ""), Deno.umask()]));
  });`,
    before,
  );
  assert(lines.includes('["","","C.UTF-8","",18]'), lines.join("\n"));
});

Deno.test("harness: a test is not skipped without a reason, and a file that fails counts", async () => {
  const { code, lines } = await runFile(`Deno.test({ name: "mute", ignore: true, fn: () => {} });`);
  assert.notEqual(code, 0);
  assert(lines.some((line) => line.includes(`test "mute" is skipped without a reason`)));
  assert.equal(lines.at(-1), "0 passed, 1 failed, 0 skipped");
});

/** A test that goes on when the other file's has begun too. */
const meeting = (own: string, other: string) =>
  `Deno.test("${own}: both at a time", async () => {
    await Deno.writeTextFile(FOLDER + "/${own}", "");
    await until("the other", () => Deno.stat(FOLDER + "/${other}").catch(() => false));
    console.log("${own}: said");
  });`;

Deno.test("harness: two runs side by side make one report, the lines of a file together", async () => {
  const { code, lines } = await runBeside([
    `${meeting("a", "b")}
    Deno.test("a: fails", () => { throw new Error("as it should"); });
    Deno.test("a: skipped", skipIf("no tool"), () => {});`,
    `${meeting("b", "a")}
    Deno.test("b: skipped", skipIf("no tool"), () => {});
    Deno.test("b: skipped too", skipIf("another"), () => {});`,
  ]);
  assert.equal(code, 1);
  const errors = lines.indexOf(" ERRORS ");
  const files = lines.slice(0, errors).flatMap((line) => /^([ab]): /.exec(line)?.[1] ?? []).join("");
  assert.match(files, /^(a{4,}b{4,}|b{4,}a{4,})$/, "what is said, and how each test ended");
  const failures = lines.indexOf(" FAILURES ");
  assert(lines.slice(errors, failures).includes("error: Error: as it should"));
  assert(lines.slice(failures).some((line) => /^a: fails => .*file0_test\.ts:\d+:\d+$/.test(line)));
  assert.deepEqual(lines.slice(-6), [
    "skipped: no tool",
    "    a: skipped",
    "    b: skipped",
    "skipped: another",
    "    b: skipped too",
    "2 passed, 1 failed, 3 skipped",
  ]);
});

Deno.test("harness: a run that does not come to its end has failed, whatever the one beside it says", async () => {
  const { code, lines } = await runBeside([
    `Deno.test("passes", () => {});`,
    `Deno.test("begun", () => {});
    Deno.test("kills", () => Deno.kill(Deno.pid, "SIGKILL"));`,
  ]);
  assert.notEqual(code, 0);
  assert(lines.includes("file1 ended by SIGKILL before its tests were over"), lines.join("\n"));
  assert(lines.some((line) => line.startsWith("begun ... ok")), "what it said until then is shown");
  assert.equal(lines.at(-1), "1 passed, 1 failed, 0 skipped");
});
