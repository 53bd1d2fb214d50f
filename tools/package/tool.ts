// SPDX-License-Identifier: MIT
/** The system's own programs, such as those that make packages. @module */

interface ToolOptions {
  /** The time that what is made has, in the place of now; absent: now. */
  readonly date?: Date;
  readonly cwd?: string;
}

/** Runs a program to its end. Throws an Error of one line when it fails or is not there. */
export async function tool(
  name: string,
  args: readonly string[],
  { date, cwd }: ToolOptions = {},
): Promise<void> {
  const made: Record<string, string> = date === undefined
    ? {}
    : { SOURCE_DATE_EPOCH: String(date.getTime() / 1000) };
  const env = { ...made, TZ: "UTC", LC_ALL: "C.UTF-8" };
  let output: Deno.CommandOutput;
  try {
    output = await new Deno.Command(name, { args: [...args], env, cwd, stdin: "null" }).output();
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new Error(`${name} is not on PATH`);
  }
  if (output.success) return;
  const said = new TextDecoder().decode(output.stderr).trim().split("\n");
  throw new Error(`${name} failed: ${said.find((line) => /error|fail/i.test(line)) ?? said[0]}`);
}
