// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { familyOf, processWithThread } from "../../../../net/capture/preload/process_facts.ts";

Deno.test("a thread is found among no more threads than may be asked", () => {
  const threads = [...Deno.readDirSync(`/proc/${Deno.pid}/task`)].map(({ name }) => Number(name));
  const second = threads[1];
  assert(second !== Deno.pid);
  assert.equal(processWithThread([Deno.ppid, Deno.pid], Deno.pid, 0), Deno.pid, "main threads always are");
  assert.equal(processWithThread([Deno.pid], second, 2), Deno.pid);
  assert.equal(processWithThread([Deno.pid], second, 1), undefined);
  assert.equal(processWithThread([Deno.pid, Deno.pid], second, 1), undefined, "of all together");
});

Deno.test("a family is asked after no more threads than may be", async () => {
  const child = new Deno.Command("sleep", { args: ["60"] }).spawn();
  try {
    assert(familyOf(Deno.pid, 64).includes(child.pid));
    assert.deepEqual(familyOf(Deno.pid, 64, 0), [Deno.pid]);
  } finally {
    child.kill();
    await child.status;
  }
});
