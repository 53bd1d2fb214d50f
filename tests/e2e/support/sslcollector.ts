// SPDX-License-Identifier: MIT
/** `sslcollector` itself, from source and as the compiled binary. @module */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { compile } from "../../../tools/compile.ts";
import type { Reason } from "../../support/skip.ts";
import { baseMissing } from "./base.ts";
import { Child, type ChildOptions, type Ended } from "./child.ts";
import type { Fixture } from "./fixture.ts";

export const MODES = ["source", "binary"] as const;
export type Mode = typeof MODES[number];

const noBase = await baseMissing();

/** The reason to skip what runs in this mode, when that cannot be. */
export function modeMissing(mode: Mode): Reason {
  return mode === "binary" && !isFresh() ? noBase : undefined;
}

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const BINARY = `${ROOT}dist/sslcollector`;
/** How Deno runs it from source. */
export const MAIN_ARGS: readonly string[] = ["run", "-A", "--no-check", `${ROOT}cli/main.ts`];
/** What the binary is made of. */
const SOURCES = ["cli", "codecs", "hook", "net", "deno.json", "deno.lock"];

/** Counts of `--summary json`. */
export interface Counts {
  readonly flows: number;
  readonly claimed: number;
  readonly captured: { readonly toServer: number; readonly toClient: number };
  readonly forged: { readonly toServer: number; readonly toClient: number };
  readonly lost: Record<string, unknown>;
  readonly unforged: Record<string, unknown>;
  readonly events: Record<string, number>;
  readonly packets: number;
  readonly imbalance: number;
}

export interface Summary {
  readonly programs:
    readonly (Counts & { readonly program: string; readonly pid: number; readonly uid: number })[];
  readonly total: Counts;
  readonly sinks: readonly {
    readonly name: string;
    readonly packets: number;
    readonly written: number;
    readonly kept: number;
    readonly dropped: Record<string, number>;
  }[];
  readonly programEvents: Record<string, number>;
  readonly remarks: readonly string[];
}

/** How `sslcollector` is started. */
export interface StartOptions extends Pick<ChildOptions, "input" | "cwd" | "env"> {
  /** A command that starts it, from source; absent: none. */
  readonly under?: readonly string[];
}

/** Starts `sslcollector` with these arguments; the settings of this machine and user do not reach it. */
export async function startSslcollector(
  mode: Mode,
  fixture: Fixture,
  args: readonly string[],
  options: StartOptions = {},
): Promise<Child> {
  const { under = [] } = options;
  const env = { ...options.env, SSLCOLLECTOR_CONFIG: "/dev/null", NO_COLOR: "1" };
  if (mode === "source") {
    const [command, ...words] = [...under, Deno.execPath(), ...MAIN_ARGS, ...args];
    return new Child(command, { ...options, args: words, env });
  }
  const command = await binary();
  const denoDir = fixture.path("empty-deno-dir");
  await Deno.mkdir(denoDir, { recursive: true });
  return new Child(command, { ...options, args, env: { ...env, DENO_DIR: denoDir } });
}

/** The same, to its end. */
export async function runSslcollector(...start: Parameters<typeof startSslcollector>): Promise<Ended> {
  await using child = await startSslcollector(...start);
  return await child.ended;
}

/** Options that every mirroring test gives. */
export function mirrorOptions(capture: string): string[] {
  return ["--summary", "json", "--quiet", "-o", capture];
}

/** The JSON summary, which is the last line on standard error. */
export function summaryOf({ code, stderr }: Ended): Summary {
  const line = stderr.trimEnd().split("\n").at(-1) ?? "";
  assert.match(line, /^\{.*\}$/, `status ${code}, no summary: ${stderr}`);
  return JSON.parse(line) as Summary;
}

interface AgentOptions {
  readonly mode?: Mode;
  readonly fixture: Fixture;
  readonly capture: string;
  readonly options: readonly string[];
  /** A command that starts it. */
  readonly under?: readonly string[];
  /** Name of its runtime directory in the fixture, where there is more than one agent. */
  readonly runtime?: string;
}

/** An agent at work, and how to start programs with its hook. */
export class Agent implements AsyncDisposable {
  private constructor(readonly child: Child, readonly hookEnvironment: Readonly<Record<string, string>>) {}

  static start(mode: Mode, fixture: Fixture, capture: string, ...more: string[]): Promise<Agent> {
    return Agent.startWith({ mode, fixture, capture, options: ["-I", "any", ...more] });
  }

  static async startWith(
    { mode = "source", fixture, capture, options, under, runtime = "runtime" }: AgentOptions,
  ): Promise<Agent> {
    const args = ["--runtime-dir", fixture.path(runtime), ...mirrorOptions(capture), ...options];
    const child = await startSslcollector(mode, fixture, args, { under });
    try {
      const [, settings] = await child.found("stderr", /^start a program with: (.*) COMMAND$/m);
      return new Agent(child, Object.fromEntries(settings.split(" ").map((word) => word.split("=", 2))));
    } catch (error) {
      await child[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Asks it to drain; fails unless it ends well. */
  async stop(): Promise<Summary> {
    this.child.kill("SIGTERM");
    const ended = await this.child.ended;
    assert.equal(ended.code, 0, ended.stderr);
    return summaryOf(ended);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.child[Symbol.asyncDispose]();
  }
}

let compiling: Promise<string> | undefined;

/** The binary, made when it is missing or older than what it is made of. */
export function binary(): Promise<string> {
  return isFresh() ? Promise.resolve(BINARY) : compiling ??= compile();
}

function isFresh(): boolean {
  return modifiedMs(BINARY) > Math.max(...SOURCES.map((name) => newestMs(ROOT + name)));
}

function newestMs(path: string): number {
  if (!Deno.statSync(path).isDirectory) return modifiedMs(path);
  return Math.max(0, ...Deno.readDirSync(path).map(({ name }) => newestMs(`${path}/${name}`)));
}

function modifiedMs(path: string): number {
  try {
    return Deno.statSync(path).mtime!.getTime();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return 0;
    throw error;
  }
}
