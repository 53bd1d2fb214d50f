// SPDX-License-Identifier: MIT
/**
 * Runs the tests: `main.ts [FILE | FOLDER | OPTION OF deno test]...`, or all of them without arguments: those that run whole
 * programs, those that wait for connections, and those that compute, beside one another. Says at the end what failed, and
 * which tests were skipped and why, and closes with "N passed, N failed, N skipped".
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { runTests } from "./support/test_run.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
/** Folders of a group each, in which most of the time is spent waiting; all others compute. */
const WAITING = {
  programs: ["tests/e2e/"],
  connections: ["tests/docs/", "tests/net/collector/", "tests/net/link/"],
};

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
  const groups = Object.entries(WAITING);
  const groupOf = (path: string) =>
    groups.find(([, folders]) => folders.some((folder) => path.startsWith(folder)))?.[0];
  const files = Map.groupBy(testFiles("tests"), (path) => groupOf(path) ?? "computing");
  return await runTests([...files].map(([name, args]) => ({ name, args })), ROOT);
}

Deno.exit(Deno.args.length > 0 ? await runTests([{ name: "tests", args: Deno.args }]) : await runAll());
