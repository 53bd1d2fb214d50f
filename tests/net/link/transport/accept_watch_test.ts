// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";

const PROGRAM = fileURLToPath(new URL("./programs/out_of_descriptors.ts", import.meta.url));

Deno.test("a server that ran out of descriptors takes connections again, as soon as two looks have seen one wait", async () => {
  const run = 'ulimit -n 128; exec "$0" run --no-check -A "$1"';
  const command = new Deno.Command("sh", { args: ["-c", run, Deno.execPath(), PROGRAM], stderr: "inherit" });
  const { stdout } = await command.output();
  assert.deepEqual(JSON.parse(new TextDecoder().decode(stdout)), {
    looks: [false, true, false],
    told: "hello",
  });
});
