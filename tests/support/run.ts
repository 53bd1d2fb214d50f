// SPDX-License-Identifier: MIT
/** Running outside programs. @module */
import type { Reason } from "./skip.ts";
import { awaited } from "./until.ts";
import { isFile } from "../../net/ffi/stat.ts";

export interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end, without a shell and without standard input. */
export async function run(command: string, args: readonly string[]): Promise<Finished> {
  const running = new Deno.Command(command, { args: [...args], stdin: "null" }).output();
  const output = await awaited(`the end of ${command}`, running);
  const decoder = new TextDecoder();
  return { code: output.code, stdout: decoder.decode(output.stdout), stderr: decoder.decode(output.stderr) };
}

/** The same; throws an `Error` with what it said on stderr when it fails. Answers stdout. */
export async function runOk(command: string, ...args: string[]): Promise<string> {
  const finished = await run(command, args);
  if (finished.code !== 0) {
    throw new Error(`${command} ${args.join(" ")} exited ${finished.code}: ${finished.stderr.trim()}`);
  }
  return finished.stdout;
}

/** Whether a program of this name is in `PATH`. */
export function isInstalled(command: string): boolean {
  return (Deno.env.get("PATH") ?? "").split(":").some((folder) => isFile(`${folder}/${command}`));
}

/** The reason to skip what needs these programs, when one is missing. */
export function missing(...commands: string[]): Reason {
  const absent = commands.filter((command) => !isInstalled(command));
  return absent.length > 0 ? `not installed: ${absent.join(", ")}` : undefined;
}

/** Makes a directory for the call and removes it afterwards. */
export async function withTempDir<T>(use: (path: string) => Promise<T> | T): Promise<T> {
  const path = await Deno.makeTempDir({ prefix: "sslcollector-test-" });
  try {
    return await use(path);
  } finally {
    await Deno.remove(path, { recursive: true });
  }
}
