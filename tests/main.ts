// SPDX-License-Identifier: MIT
/**
 * Runs the tests: `main.ts [FILE | FOLDER | OPTION OF deno test]...`, or all of them without arguments: those that wait
 * for programs and connections, in several processes, beside those that compute. Says at the end what failed, and
 * which tests were skipped and why, and closes with "N passed, N failed, N skipped".
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { runTests } from "./support/test_run.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
/** Where most of the time is spent waiting for programs and connections; the tests of all other folders compute. */
const WAITING_FOLDERS = ["tests/docs/", "tests/e2e/", "tests/net/collector/", "tests/net/link/"];
/** What waits is dealt out to so many processes. */
const WAITING_RUNS = 3;

/** The test files below a folder of the project, in order. */
function testFiles(folder: string): string[] {
  const entries = [...Deno.readDirSync(ROOT + folder)].sort((a, b) => a.name < b.name ? -1 : 1);
  return entries.flatMap(({ name, isDirectory }) => {
    const path = `${folder}/${name}`;
    if (isDirectory) return testFiles(path);
    return name.endsWith("_test.ts") ? [path] : [];
  });
}

async function runAll(): Promise<number> {
  const waits = (path: string) => WAITING_FOLDERS.some((folder) => path.startsWith(folder));
  const files = testFiles("tests");
  const waiting = Map.groupBy(files.filter(waits), (_, index) => `waiting ${index % WAITING_RUNS + 1}`);
  const runs = [...waiting, ["computing", files.filter((path) => !waits(path))] as const];
  return await runTests(runs.map(([name, args]) => ({ name, args })), ROOT);
}

Deno.exit(Deno.args.length > 0 ? await runTests([{ name: "tests", args: Deno.args }]) : await runAll());
