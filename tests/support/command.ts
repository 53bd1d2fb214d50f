// SPDX-License-Identifier: MIT
/** `sslcollector` as a process of its own, from source or, where `SSLCOLLECTOR_BINARY` names one, the binary. @module */
import { fileURLToPath } from "node:url";
import type { Finished } from "./run.ts";
import { awaited } from "./until.ts";

const MAIN = fileURLToPath(new URL("../../cli/main.ts", import.meta.url));

/** What to execute, before the arguments. */
export function commandWords(): readonly string[] {
  const binary = Deno.env.get("SSLCOLLECTOR_BINARY");
  return binary ? [binary] : [Deno.execPath(), "run", "--quiet", "-A", MAIN];
}

export interface CommandOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Words before the command, such as those of `setpriv`. */
  readonly under?: readonly string[];
}

/** Settings of the machine's own that would change what the tests see. */
const NEUTRAL = { SSLCOLLECTOR_CONFIG: "/dev/null", SSLCOLLECTOR_BINARY: "", NO_COLOR: "1" };

/** Starts it; standard input is closed. */
export function spawnCommand(args: readonly string[], options: CommandOptions = {}): Deno.ChildProcess {
  const [program, ...rest] = [...options.under ?? [], ...commandWords(), ...args];
  return new Deno.Command(program, {
    args: rest,
    cwd: options.cwd,
    env: { ...NEUTRAL, ...options.env },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

/** Runs it to its end. */
export async function runCommand(args: readonly string[], options: CommandOptions = {}): Promise<Finished> {
  const ended = spawnCommand(args, options).output();
  const { code, stdout, stderr } = await awaited(`the end of sslcollector ${args.join(" ")}`, ended);
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}
