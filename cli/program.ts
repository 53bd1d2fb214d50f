// SPDX-License-Identifier: MIT
/** What an executable on disk says about whether a hook can reach it. @module */
import { join } from "node:path";

export interface Program {
  readonly path: string;
  /** An ELF file without a dynamic loader: LD_PRELOAD does nothing. */
  readonly isStatic: boolean;
  /** Set-user-id or set-group-id: the loader ignores LD_PRELOAD. */
  readonly isSetuid: boolean;
}

/** Looks a name up as a shell does; `undefined` when there is no such executable or it cannot be read. */
export function resolveProgram(name: string): Program | undefined {
  const places = name.includes("/")
    ? [name]
    : (Deno.env.get("PATH") ?? "").split(":").map((folder) => join(folder, name));
  for (const path of places) {
    try {
      const { isFile, mode } = Deno.statSync(path);
      if (!isFile || ((mode ?? 0) & 0o111) === 0) continue;
      return { path, isStatic: isStaticElf(path), isSetuid: ((mode ?? 0) & 0o6000) !== 0 };
    } catch {
      continue;
    }
  }
  return undefined;
}

/** Program header type of the loader's path (System V ABI, chapter 5). */
const PT_INTERP = 3;

function isStaticElf(path: string): boolean {
  using file = Deno.openSync(path);
  const bytes = new Uint8Array(4096);
  const length = file.readSync(bytes) ?? 0;
  const view = new DataView(bytes.buffer, 0, length);
  const isElf64 = length >= 64 && view.getUint32(0) === 0x7f454c46 && bytes[4] === 2;
  if (!isElf64) return false;
  const tableOffset = Number(view.getBigUint64(32, true));
  const entrySize = view.getUint16(54, true);
  const entries = view.getUint16(56, true);
  for (let at = tableOffset, entry = 0; entry < entries && at + 4 <= length; entry++, at += entrySize) {
    if (view.getUint32(at, true) === PT_INTERP) return false;
  }
  return true;
}
