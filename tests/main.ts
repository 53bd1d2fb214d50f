// SPDX-License-Identifier: MIT
/**
 * Runs the tests: `main.ts [FILE | FOLDER | OPTION OF deno test]...`, or all of them without arguments, several
 * processes side by side. Says at the end what failed, and
 * which tests were skipped and why, and closes with "N passed, N failed, N skipped".
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { runTests } from "./support/test_run.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
/** Its tests run programs and take the longest, so they begin first. */
const LONGEST = "tests/e2e/";
/** Most tests wait for something: on two processors so many runs of `deno test` are worth it. */
const RUNS_AT_ONCE = 4;
/** Few, so that no run is the last one for long. */
const FILES_OF_A_RUN = 8;

/** The test files below a folder of the project, in order. */
function testFiles(folder: string): string[] {
  const entries = [...Deno.readDirSync(ROOT + folder)].sort((a, b) => a.name < b.name ? -1 : 1);
  return entries.flatMap(({ name, isDirectory }) => {
    const path = `${folder}/${name}`;
    if (isDirectory) return testFiles(path);
    return name.endsWith("_test.ts") ? [path] : [];
  });
}

/** Types are not checked by each run: the task has done it. */
async function runAll(): Promise<number> {
  const isLongest = (path: string) => path.startsWith(LONGEST);
  const files = testFiles("tests").sort((a, b) => Number(isLongest(b)) - Number(isLongest(a)));
  const runs = Array.from({ length: Math.ceil(files.length / FILES_OF_A_RUN) }, (_, index) => {
    const ofRun = files.slice(index * FILES_OF_A_RUN, (index + 1) * FILES_OF_A_RUN);
    return { name: `the run from ${ofRun[0]} to ${ofRun.at(-1)}`, args: ["--no-check", ...ofRun] };
  });
  return await runTests(runs, { cwd: ROOT, atOnce: RUNS_AT_ONCE });
}

Deno.exit(Deno.args.length > 0 ? await runTests([{ name: "tests", args: Deno.args }]) : await runAll());
