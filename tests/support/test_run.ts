// SPDX-License-Identifier: MIT
/** Running `deno test` with the harness: once, or several times, some side by side, with one report. @module */
import { constants } from "node:os";
import { fileURLToPath } from "node:url";
import { endProcessesSince } from "./descendants.ts";
import { TextLineStream } from "./lines.ts";
import { type Counts, TestReport } from "./test_report.ts";

const HARNESS = fileURLToPath(new URL("harness.ts", import.meta.url));
/** What is still to be read when the tests are over comes at once; a process that a test left may keep the pipe open. */
const DRAIN_MS = 2000;

/** One process of `deno test`. */
export interface TestRun {
  readonly name: string;
  /** Files, folders and options. */
  readonly args: readonly string[];
}

interface Ended {
  readonly name: string;
  readonly report: TestReport;
  readonly status: Deno.CommandStatus;
}

export interface RunsOptions {
  readonly cwd?: string;
  /** So many run at a time; all when absent. */
  readonly atOnce?: number;
}

/**
 * Runs the tests of all `runs`, the first ones first, and prints the lines of each file together; of a single run, everything as it comes. Says
 * at the end what failed and what was skipped, and closes with "N passed, N failed, N skipped". Answers the exit status.
 */
export async function runTests(
  runs: readonly TestRun[],
  { cwd, atOnce = runs.length }: RunsOptions = {},
): Promise<number> {
  endWithAll("SIGHUP", "SIGINT", "SIGTERM");
  const ended: Ended[] = [];
  const waiting = runs.entries();
  await Promise.all(Array.from({ length: atOnce }, async () => {
    for (const [index, run] of waiting) ended[index] = await runOne(run, runs.length === 1, cwd);
  }));
  if (runs.length > 1) printFailures(ended);
  printSkipped(ended);
  const counts = ended.map(countsOf);
  const sum = (name: keyof Counts) => counts.reduce((sum, count) => sum + count[name], 0);
  console.log(`${sum("passed")} passed, ${sum("failed")} failed, ${sum("skipped")} skipped`);
  return sum("failed") === 0 ? 0 : ended.find(({ status }) => status.code !== 0)?.status.code ?? 1;
}

/** On these signals ends this process, its tests and all that they have started, as a test that hangs would not notice. */
function endWithAll(...signals: ("SIGHUP" | "SIGINT" | "SIGTERM")[]): void {
  for (const signal of signals) {
    Deno.addSignalListener(signal, () => {
      endProcessesSince(0);
      Deno.exit(128 + constants.signals[signal]);
    });
  }
}

async function runOne({ name, args }: TestRun, isAlone: boolean, cwd?: string): Promise<Ended> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["test", "-A", "--preload", HARNESS, ...args],
    cwd,
    env: Deno.stdout.isTerminal() ? { FORCE_COLOR: "1" } : {},
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const report = new TestReport((lines) => isAlone || writeSync(Deno.stdout, encode(lines)));
  const reading = Promise.all([
    read(isAlone ? child.stdout.pipeThrough(shownOn(Deno.stdout)) : child.stdout, report),
    read(isAlone ? child.stderr.pipeThrough(shownOn(Deno.stderr)) : child.stderr, report),
  ]);
  const status = await child.status;
  const impatience = Promise.withResolvers<void>();
  const timer = setTimeout(impatience.resolve, DRAIN_MS);
  await Promise.race([reading, impatience.promise]);
  clearTimeout(timer);
  report.flush();
  return { name, report, status };
}

async function read(from: ReadableStream<Uint8Array<ArrayBuffer>>, report: TestReport): Promise<void> {
  const lines = from.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream());
  for await (const line of lines) report.line(line);
}

/** Lets bytes through, and writes each chunk as it comes. */
function shownOn(
  output: typeof Deno.stdout,
): TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>> {
  return new TransformStream({
    transform(chunk, controller) {
      writeSync(output, chunk);
      controller.enqueue(chunk);
    },
  });
}

function writeSync(output: typeof Deno.stdout, bytes: Uint8Array): void {
  for (let written = 0; written < bytes.length;) written += output.writeSync(bytes.subarray(written));
}

function encode(lines: readonly string[]): Uint8Array {
  return new TextEncoder().encode(lines.map((line) => `${line}\n`).join(""));
}

/** What failed beside the tests: a type error, a crash. */
function faultOf({ report, status }: Ended): string | undefined {
  if (!report.counts) {
    return `ended ${
      status.signal ? `by ${status.signal}` : `with status ${status.code}`
    } before its tests were over`;
  }
  return status.success || report.counts.failed > 0 ? undefined : `ended with status ${status.code}`;
}

function countsOf(ended: Ended): Counts {
  const { passed, failed, skipped } = ended.report.counts ?? { passed: 0, failed: 0, skipped: 0 };
  return { passed, failed: failed + (faultOf(ended) === undefined ? 0 : 1), skipped };
}

function printFailures(all: readonly Ended[]): void {
  const errors = all.flatMap(({ report }) => report.errors);
  const failures = all.flatMap(({ report }) => report.failures).filter((line) => line !== "");
  for (const ended of all) {
    const fault = faultOf(ended);
    if (fault !== undefined) failures.push(`${ended.name} ${fault}`);
  }
  if (failures.length > 0) console.log([" ERRORS ", ...errors, " FAILURES ", "", ...failures, ""].join("\n"));
}

function printSkipped(all: readonly Ended[]): void {
  const reasons = new Map<string, string[]>();
  for (const { report } of all) {
    for (const [reason, names] of report.skipped) {
      reasons.set(reason, [...reasons.get(reason) ?? [], ...names]);
    }
  }
  for (const [reason, names] of reasons) {
    console.log([`skipped: ${reason}`, ...names].join("\n    "));
  }
}
