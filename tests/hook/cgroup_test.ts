import assert from "node:assert/strict";
import { roomOfGroups } from "../../hook/cgroup.ts";
import { withTempDir } from "../support/run.ts";

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
