// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { BUILT_IN_NAMES } from "../../codecs/names.ts";
import { BUILT_IN_CODECS } from "../../codecs/registry.ts";
import { suggestInterfaces } from "../../cli/suggestions.ts";
import { runCommand } from "../support/command.ts";
import { notLinux, skipIf } from "../support/skip.ts";

/** What is offered for the last of the words; files are the shell's to name. */
async function offered(...words: string[]): Promise<string[]> {
  const { stdout } = await runCommand(["completion", "bash", ...words]);
  const lines = stdout.split("\n").map((line) => line.replaceAll("\0", "").trim());
  return lines.filter((line) => line !== "").map((line) => line.replace(/^__FILE__:(\w+):.*/, "<$1>"));
}

const META = ["--help", "--version"];
const CASES: readonly (readonly [words: readonly string[], offered: readonly string[]])[] = [
  [["--codec", "h"], ["http2to1"]],
  [["--codec", "raw,d"], ["raw,decode"]],
  [["--codec", "./plugin"], ["<any>"]],
  [["--capture", ""], ["hook", "uprobes", "auto"]],
  [["-I", "lo", ""], META],
  [["-C", "-o", "nowhere"], ["<any>"]],
  [["--spool", "x"], ["<directory>"]],
  [["config", "check", "b"], ["<any>"]],
  [["run", "-o", "out2"], ["<any>"]],
  [["re"], ["replay", "read"]],
];

Deno.test("completions: values of an option are what it takes, and commands stand first only", async () => {
  const told = await Promise.all(CASES.map(async ([words]) => [words, await offered(...words)]));
  assert.deepEqual(told, CASES.map(([words, wanted]) => [words, [...wanted]]));
});

Deno.test({
  name: "completions: interfaces are those of this host",
  ...skipIf(notLinux("interfaces in /sys")),
  fn: () => assert(suggestInterfaces("lo").some((one) => one.kind === "literal" && one.text === "lo")),
});

Deno.test("completions: the names of codecs are those that there are", () => {
  assert.deepEqual(BUILT_IN_NAMES, [...BUILT_IN_CODECS.keys()]);
});
