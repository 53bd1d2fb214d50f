// SPDX-License-Identifier: MIT
/**
 * Runs the tests: `main.ts [FILE | FOLDER | OPTION OF deno test]...`, all of them without arguments. Says at the end which
 * tests were skipped and why, and closes with "N passed, N failed, N skipped".
 *
 * @module
 */
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const HARNESS = fileURLToPath(new URL("support/harness.ts", import.meta.url));
/** What is still to be read when the tests are over comes at once; a process that a test left may keep the pipe open. */
const DRAIN_MS = 2000;

interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** Deno's report, read line by line while it passes through. */
class Report {
  counts: Counts | undefined;
  /** Names of skipped tests by reason. */
  readonly skipped = new Map<string, string[]>();
  #rest = "";

  add(text: string): void {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop()!;
    // deno-lint-ignore no-control-regex -- colours
    for (const line of lines) this.#line(line.replaceAll(/\x1b\[[\d;]*m/g, ""));
  }

  #line(line: string): void {
    const skip = /^(.*?), skipped: (.*) \.\.\. ignored \(/.exec(line);
    if (skip) this.skipped.set(skip[2], [...this.skipped.get(skip[2]) ?? [], skip[1]]);
    const end = /^(?:ok|FAILED) \| (\d+) passed.*? \| (\d+) failed(?:.*? \| (\d+) ignored)?/.exec(line);
    if (end) this.counts = { passed: Number(end[1]), failed: Number(end[2]), skipped: Number(end[3] ?? 0) };
  }
}

async function pass(
  from: ReadableStream<Uint8Array>,
  to: typeof Deno.stdout,
  report?: Report,
): Promise<void> {
  const decoder = new TextDecoder();
  for await (const chunk of from) {
    report?.add(decoder.decode(chunk, { stream: true }));
    for (let written = 0; written < chunk.length;) written += to.writeSync(chunk.subarray(written));
  }
}

async function runTests(args: readonly string[]): Promise<{ code: number; report: Report }> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["test", "-A", "--preload", HARNESS, ...args.length > 0 ? args : ["tests"]],
    cwd: args.length > 0 ? undefined : ROOT,
    env: Deno.stdout.isTerminal() ? { FORCE_COLOR: "1" } : {},
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const report = new Report();
  const passed = Promise.all([pass(child.stdout, Deno.stdout, report), pass(child.stderr, Deno.stderr)]);
  const { code } = await child.status;
  const impatience = Promise.withResolvers<void>();
  const timer = setTimeout(impatience.resolve, DRAIN_MS);
  await Promise.race([passed, impatience.promise]);
  clearTimeout(timer);
  return { code, report };
}

const { code, report } = await runTests(Deno.args);
for (const [reason, names] of report.skipped) {
  console.log(`skipped: ${reason}`);
  for (const name of names) console.log(`    ${name}`);
}
const { passed, failed, skipped } = report.counts ?? { passed: 0, failed: 1, skipped: 0 };
// What fails beside the tests counts too.
console.log(`${passed} passed, ${code === 0 ? failed : Math.max(failed, 1)} failed, ${skipped} skipped`);
Deno.exit(code);
