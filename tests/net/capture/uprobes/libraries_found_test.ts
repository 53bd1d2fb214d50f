// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { librariesIn } from "../../../../net/capture/uprobes/libraries_found.ts";

const MAPS = `
7f12b0000000-7f12b0021000 r--p 00000000 fd:00 1234                       /usr/lib/x86_64-linux-gnu/libssl.so.3
7f12b0021000-7f12b0080000 r-xp 00021000 fd:00 1234                       /usr/lib/x86_64-linux-gnu/libssl.so.3
00007f12c0000-00007f12c1000 r-xp 00000000 fd:00 99                       /opt/old/libssl.so.1.1 (deleted)
7f12d0000000-7f12d0021000 r-xp 00000000 fd:00 77                         /usr/lib/x86_64-linux-gnu/libssl3.so
7f12e0000000-7f12e0021000 r-xp 00000000 fd:00 78                         /usr/lib/python3/lib with blank/libssl-3e69114b.so.1.1
7f12e8000000-7f12e8021000 r-xp 00000000 fd:00 79                         /usr/lib/dovecot/modules/libssl_iostream_openssl.so
7f12f0000000-7f12f0021000 r-xp 00000000 00:00 0                          [vdso]
`;

Deno.test("a process's libraries are found by the mappings of their code, also those that were replaced", () => {
  assert.deepEqual(librariesIn(MAPS, 42).map(({ path, name }) => [path, name]), [
    ["/proc/42/map_files/7f12b0021000-7f12b0080000", "/usr/lib/x86_64-linux-gnu/libssl.so.3"],
    ["/proc/42/map_files/7f12c0000-7f12c1000", "/opt/old/libssl.so.1.1"],
    ["/proc/42/map_files/7f12d0000000-7f12d0021000", "/usr/lib/x86_64-linux-gnu/libssl3.so"],
    [
      "/proc/42/map_files/7f12e0000000-7f12e0021000",
      "/usr/lib/python3/lib with blank/libssl-3e69114b.so.1.1",
    ],
  ]);
});
