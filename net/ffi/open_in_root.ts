// SPDX-License-Identifier: MIT
/** Files as a process in a root of its own reaches them. @module */
import { cString, LIBC_NAMES, openLibrary } from "./libc.ts";

const SYMBOLS = {
  /** `long syscall(SYS_openat2, int folder, const char *path, struct open_how *how, size_t size)` */
  openat2: { name: "syscall", parameters: ["i64", "i64", "buffer", "buffer", "i64"], result: "i64" },
} as const satisfies Deno.ForeignLibraryInterface;

const SYS_OPENAT2 = 437n;
/** RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS */
const WITHIN = 0x12;

let opened: Deno.DynamicLibrary<typeof SYMBOLS>["symbols"] | undefined;

/**
 * Opens a path whose root is an open folder: no link on the way leads outside, nor does one of /proc. Answers the descriptor; negative where it
 * fails, and errno says why.
 */
export function openInRoot(folder: number, path: string, flags: number): number {
  opened ??= openLibrary(LIBC_NAMES, SYMBOLS).symbols;
  const how = new DataView(new ArrayBuffer(24));
  how.setUint32(0, flags, true);
  how.setUint32(16, WITHIN, true);
  const bytes = new Uint8Array(how.buffer);
  return Number(opened.openat2(SYS_OPENAT2, BigInt(folder), cString(path), bytes, BigInt(bytes.length)));
}
