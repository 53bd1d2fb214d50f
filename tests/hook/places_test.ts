// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { compile, run } from "./native.ts";

const RING = new URL("../../hook/ring.c", import.meta.url).pathname;

Deno.test("a record never lies upon one that is not read yet, nor beyond what is granted or left of a ring", async () => {
  const places = await compile("places", ["places.c", RING], ["-fsanitize=address,undefined"]);
  const seed = crypto.getRandomValues(new Uint32Array(1))[0];
  const output = await run(places, [String(seed)]);
  assert.deepEqual(output, { code: 0, signal: null, stdout: "full wrapped\n", stderr: "" }, `seed ${seed}`);
});
