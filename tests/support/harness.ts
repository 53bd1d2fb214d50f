// SPDX-License-Identifier: MIT
/**
 * Loaded before every test file (`deno test --preload`): gives each test a limit, `timeout` where a test states its own,
 * refuses to skip one without a reason, which joins its name, keeps settings of whoever runs the tests from them, and has comparisons fail at
 * once.
 *
 * @module
 */
import { runInThisContext } from "node:vm";
import { endProcessesSince, nowTicks } from "./descendants.ts";
import { tellLongValuesShort } from "./long_comparisons.ts";
import { giveUpWaiting, waitedFor } from "./until.ts";

/** Ten times what the slowest tests take on a quiet machine with two cores, since it is to end hangs and nothing else. */
const LIMIT_MS = 300_000;
/** For what a test undoes when it is over its limit. */
const GRACE_MS = 10_000;

/** With these, programs print in colours, in lines of another width or in another language. */
const PERSONAL = ["FORCE_COLOR", "COLUMNS", "LINES", "MANWIDTH", "LANGUAGE"];

type TestFunction = Deno.TestDefinition["fn"];
type Definition = Deno.TestDefinition & { readonly reason?: string };

let startTicks = nowTicks();
let isRunning = false;

/** A test that Deno ended because it lets no timer run has not ended its processes. */
function endLeftProcesses(): void {
  if (isRunning) endProcessesSince(startTicks);
  isRunning = false;
}

/** Settles as the test does; when it takes longer than `limitMs`, ends what it waits for and fails with the names of that. */
function limit(test: TestFunction, limitMs: number): TestFunction {
  return async (context) => {
    endLeftProcesses();
    startTicks = nowTicks();
    isRunning = true;
    const expired = Promise.withResolvers<void>();
    const timer = setTimeout(expired.resolve, limitMs);
    const result = Promise.try(test, context);
    try {
      const isOver = await Promise.race([result.then(() => true), expired.promise]);
      if (!isOver) await expire(result, limitMs);
    } finally {
      clearTimeout(timer);
      isRunning = false;
    }
  };
}

async function expire(result: Promise<void>, limitMs: number): Promise<never> {
  const waits = waitedFor();
  giveUpWaiting();
  endProcessesSince(startTicks);
  const grace = Promise.withResolvers<void>();
  const timer = setTimeout(grace.resolve, GRACE_MS);
  await Promise.race([result.catch(() => {}), grace.promise]);
  clearTimeout(timer);
  const names = waits.length > 0 ? waits.join("; ") : "something without a name";
  throw new Error(`over its limit of ${limitMs / 1000} s, waiting for: ${names}`);
}

/** The forms of `Deno.test` that tests here use: `(definition)`, `(name, function)`, `(name, options, function)`. */
function definitionOf(args: readonly unknown[]): Definition {
  if (typeof args[0] !== "string") return args[0] as Definition;
  const options = args.length === 3 ? args[1] as Omit<Deno.TestDefinition, "name" | "fn"> : {};
  return { ...options, name: args[0], fn: args.at(-1) as TestFunction };
}

function prepare(args: readonly unknown[]): Deno.TestDefinition {
  const { reason, ...definition } = definitionOf(args);
  if (definition.ignore && reason === undefined) {
    throw new TypeError(`test ${JSON.stringify(definition.name)} is skipped without a reason: use skipIf`);
  }
  const limitMs = definition.timeout ?? LIMIT_MS;
  return {
    ...definition,
    name: definition.ignore ? `${definition.name}, skipped: ${reason!.split("\n")[0]}` : definition.name,
    fn: limit(definition.fn, limitMs),
    // Deno's own limit also ends what lets no timer run.
    timeout: limitMs + 2 * GRACE_MS,
  };
}

/** Deno takes a test's place from the first frame that is not named as one of its own: so it stays the test's file. */
const inTheTestsPlace = runInThisContext(
  "(test, prepare) => function (...args) { return test(prepare(args)); }",
  { filename: "ext:tests/harness.js" },
);

function standOnNeutralGround(): void {
  for (const name of PERSONAL) Deno.env.delete(name);
  Deno.env.set("LC_ALL", "C.UTF-8");
  // Programs of other users read what a test writes.
  if (Deno.build.os !== "windows") Deno.umask(0o022);
}

standOnNeutralGround();
tellLongValuesShort();
const replaceable = Deno as { test: typeof Deno.test };
replaceable.test = Object.assign(inTheTestsPlace(Deno.test, prepare), Deno.test);
addEventListener("unload", endLeftProcesses);
