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
