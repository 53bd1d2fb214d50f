// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { cgroupRoomBytes, roomOfGroups } from "../../net/capture/preload/cgroup.ts";
import { HookSource } from "../../net/capture/preload/hook_source.ts";
import { CaptureLog } from "../support/capture_log.ts";
import { withTempDir } from "../support/run.ts";
import { Commanded } from "./commanded.ts";
import { MemoryGroup, noMemoryGroups } from "../support/memory_group.ts";
import { skipIf } from "../support/skip.ts";
import { Collector } from "./native.ts";
import { until } from "../support/until.ts";

const lacking = noMemoryGroups();

/** Calls `use` with a folder that has these files. */
function withFiles(files: Record<string, string>, use: (root: string) => void): Promise<void> {
  return withTempDir((root) => {
    for (const [path, text] of Object.entries(files)) {
      Deno.mkdirSync(`${root}/${path}`.replace(/\/[^/]*$/, ""), { recursive: true });
      Deno.writeTextFileSync(`${root}/${path}`, `${text}\n`);
    }
    use(root);
  });
}

Deno.test("a process that is gone has all the room there is: nothing is made ready for it", async () => {
  const child = new Deno.Command("true").spawn();
  await child.status;
  assert.equal(cgroupRoomBytes(child.pid), Infinity);
});

Deno.test("the room of a group is the least on its way up, and none where it cannot be seen", async () => {
  await withFiles({
    "a/memory.max": "1000",
    "a/memory.current": "100",
    "a/b/memory.max": "max",
    "a/b/memory.current": "90",
    "a/c/memory.max": "500",
    "free/memory.max": "max",
  }, (root) => {
    const room = (path: string) => roomOfGroups(`0::${path}\n`, root);
    assert.equal(room("/a/b"), 900);
    assert.equal(room("/a/c"), 0, "what is used is not known");
    assert.equal(room("/free"), Infinity);
    assert.equal(room("/"), Infinity);
    assert.equal(room("/elsewhere"), 0);
    assert.equal(room("/../x"), 0);
    assert.equal(roomOfGroups("rubbish", root), 0);
  });
  await withFiles({
    "memory.max": "64",
    "memory.current": "4",
    "memory/memory.limit_in_bytes": "9223372036854771712",
    "memory/x/memory.limit_in_bytes": "300",
    "memory/x/memory.usage_in_bytes": "400",
  }, (root) => {
    assert.equal(roomOfGroups("0::/\n", root), 60, "a container sees its own group as the root");
    assert.equal(roomOfGroups("4:memory:/\n0::/somewhere\n", root), Infinity);
    assert.equal(roomOfGroups("4:cpu,memory:/x\n0::/\n", root), 0);
    assert.equal(roomOfGroups("4:memory:/gone\n0::/\n", root), 0);
  });
});

Deno.test({
  name: "a program in a small memory group fills no ring that the agent did not make ready",
  ...skipIf(lacking),
  fn: async () => {
    const collector = await Collector.start();
    try {
      collector.process.kill("SIGSTOP");
      using group = MemoryGroup.make(12 << 20);
      await using program = await Commanded.start(collector.runtime, group.enter);
      assert((await program.do("write", 64)).shared > 64);
      assert((await program.do("write", 40 << 10)).shared < 600);
    } finally {
      await collector.kill();
    }
  },
});

Deno.test({
  name: "a program in a small memory group is granted what the agent has made ready",
  ...skipIf(lacking),
  fn: () =>
    withTempDir(async (directory) => {
      const log = new CaptureLog();
      const source = new HookSource({
        runtimeDir: directory,
        target: { ...log, data: () => {}, gap: () => {} },
        timeBaseNs: BigInt(Date.now()) * 1_000_000n,
      });
      const running = source.run();
      try {
        using group = MemoryGroup.make(12 << 20);
        await using program = await Commanded.start(directory, group.enter);
        await program.do("write", 16);
        await until("memory made ready", () => source.usedMemory >= 15 << 20);
        // More than the group has room for: what lies in the ring is the agent's.
        const { shared } = await program.do("write", 15 << 10);
        assert(shared > 600, `${shared} KiB`);
        assert(cgroupRoomBytes(program.child.pid) < 12 << 20);
        for (let i = 0; i < 10; i++) await program.do("write", 10 << 10);
      } finally {
        await source.close();
        await running;
      }
    }),
});
