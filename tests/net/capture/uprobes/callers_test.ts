// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { isHookAt, isHookIn } from "../../../../net/capture/uprobes/callers.ts";

const MAPS = `55d000-55e000 r-xp 00001000 fe:00 1234                       /usr/bin/curl
7f0000001000-7f0000002000 r--p 00000000 fe:00 99                         /opt/my hook/libsslcollector_hook.so
7f0000002000-7f0000003000 r-xp 00001000 fe:00 99                         /opt/my hook/libsslcollector_hook.so (deleted)
7f0000003000-7f0000004000 rw-p 00000000 00:00 0
7f0000004000-7f0000005000 r-xp 00000000 fe:00 98                         /opt/libsslcollector_hook.so.1
7ffff0000000-7ffff0001000 rw-p 00000000 00:00 0                          [stack]
`;

Deno.test("a call is the hook's where its address lies in a mapping of the hook's file", () => {
  for (const at of [0x7f0000001000n, 0x7f0000002abcn, 0x7f0000002fffn]) {
    assert.equal(isHookIn(MAPS, at), true);
  }
  for (const at of [0x55d010n, 0x7f0000003000n, 0x7f0000004000n, 0x7ffff0000010n, 0x10n]) {
    assert.equal(isHookIn(MAPS, at), false, at.toString(16));
  }
});

Deno.test("whose call it was is not known of a process that has ended", async () => {
  const child = new Deno.Command("true").spawn();
  await child.status;
  assert.equal(isHookAt(child.pid, 0x1000n), undefined);
});
