// SPDX-License-Identifier: MIT
/**
 * Runs the tests: `main.ts [FILE | FOLDER | OPTION OF deno test]...`, or all of them without arguments: those that run whole
 * programs beside those that compute. Says at the end what failed, and which tests were skipped and why, and closes with
 * "N passed, N failed, N skipped".
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { runTests } from "./support/test_run.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
/** They wait for programs most of the time. */
const PROGRAMS = ["tests/e2e/"];

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
  const isProgram = (path: string) => PROGRAMS.some((folder) => path.startsWith(folder));
  const files = Map.groupBy(testFiles("tests"), (path) => isProgram(path) ? "programs" : "computing");
  return await runTests([...files].map(([name, args]) => ({ name, args })), ROOT);
}

Deno.exit(Deno.args.length > 0 ? await runTests([{ name: "tests", args: Deno.args }]) : await runAll());
