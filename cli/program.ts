// SPDX-License-Identifier: MIT
/** Where an executable is. @module */
import { join } from "node:path";

/** Path of a program, looked up as a shell does; `undefined` when there is no such executable. */
export function resolveProgram(name: string): string | undefined {
  const places = name.includes("/")
    ? [name]
    : (Deno.env.get("PATH") ?? "").split(":").map((folder) => join(folder, name));
  return places.find((path) => {
    try {
      const { isFile, mode } = Deno.statSync(path);
      return isFile && ((mode ?? 0) & 0o111) !== 0;
    } catch {
      return false;
    }
  });
}

/** What a shell says of a name that {@linkcode resolveProgram} finds nothing for, with the exit status. */
export function whyUnresolved(name: string): { readonly reason: string; readonly status: 126 | 127 } {
  return name.includes("/") && mayBeThere(name)
    ? { reason: "not an executable file", status: 126 }
    : { reason: "command not found", status: 127 };
}

function mayBeThere(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch (error) {
    return !(error instanceof Deno.errors.NotFound);
  }
}
