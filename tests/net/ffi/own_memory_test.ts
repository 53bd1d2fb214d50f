// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { cleanCode } from "../../../net/ffi/own_memory.ts";

/** A mapping as /proc tells it, as far as it matters. */
const mapping = (range: string, mode: string, path: string, anonymousKb = 0) =>
  `${range} ${mode} fe:00 42                         ${path}\nSize:               8 kB\nAnonymous:          ${anonymousKb} kB\n`;

Deno.test("own memory: code and constants of the program itself are given back, nothing that was written or may be", () => {
  const smaps = [
    mapping("1000-2000", "r--p 00000000", "/opt/program"),
    mapping("2000-7f0000003000", "r-xp 00001000", "/opt/program"),
    mapping("7f0000003000-7f0000004000", "r-xp 00002000", "/opt/program", 4),
    mapping("7f0000004000-7f0000005000", "r--p 00003000", "/opt/program"),
    mapping("7f0000005000-7f0000006000", "rw-p 00004000", "/opt/program"),
    mapping("7f0000006000-7f0000007000", "r-xp 00000000", "/opt/program (deleted)"),
    mapping("7f0000007000-7f0000008000", "r-xp 00000000", "/lib/libc.so.6"),
    mapping("7f0000008000-7f0000009000", "rw-p 00000000", ""),
  ].join("");
  assert.deepEqual(cleanCode(smaps, "/opt/program"), [
    { start: 0x1000n, end: 0x2000n },
    { start: 0x2000n, end: 0x7f0000003000n },
  ]);
});
