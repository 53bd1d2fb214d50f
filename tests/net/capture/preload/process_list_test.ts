// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { ProcessList } from "../../../../net/capture/preload/process_list.ts";

Deno.test("a list has every process that began before it was asked for, and not this one", async () => {
  const list = new ProcessList();
  assert(!(await list.now()).has(Deno.pid));
  for (let round = 0; round < 5; round++) {
    const child = new Deno.Command("sleep", { args: ["1000"], stdin: "null" }).spawn();
    try {
      assert((await list.now()).has(child.pid));
      assert((await list.now()).has(child.pid), "also when none has begun since");
    } finally {
      child.kill();
      await child.status;
    }
  }
});
