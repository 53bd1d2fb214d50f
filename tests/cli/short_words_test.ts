// SPDX-License-Identifier: MIT
/** Short words, words of other tools, and words that are nearly right. */
import assert from "node:assert/strict";
import { nearest, spelledOut } from "../../cli/short_words.ts";

Deno.test("short words: -h, -V and -v are spelled out before --, and are the program's behind it", () => {
  assert.deepEqual(spelledOut(["run", "-v", "--", "curl", "-v", "-h"]), [
    "run",
    "--log-level=debug",
    "--",
    "curl",
    "-v",
    "-h",
  ]);
  assert.deepEqual(spelledOut(["-h"]), ["--help"]);
  assert.deepEqual(spelledOut(["-V"]), ["--version"]);
});

Deno.test("short words: the nearest word is meant, and nothing that is far", () => {
  const words = ["run", "replay", "read", "status"];
  assert.equal(nearest("stauts", words), "status");
  assert.equal(nearest("raed", words), "read");
  assert.equal(nearest("replya", words), "replay");
  assert.equal(nearest("curl", words), undefined);
  assert.equal(nearest("ru", words), undefined);
});
