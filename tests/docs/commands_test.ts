// SPDX-License-Identifier: MIT
/** Every command of `sslcollector` in README.md and docs/ is one that the program takes, with these options and values. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { pages } from "../../tools/docs_tables.ts";

const READER = fileURLToPath(new URL("../support/read_commands.ts", import.meta.url));
/** A word in single or double quotes, or without. */
const WORD = /'[^']*'|"[^"]*"|[^\s'"|&;]+/g;

/** Commands in blocks of code: words behind the program's name, up to a comment, a pipe or the next command. */
function commandsOf(page: string): string[][] {
  const commands: string[][] = [];
  let isFenced = false;
  for (const line of page.split("\n")) {
    if (line.startsWith("```")) isFenced = !isFenced;
    if (!isFenced && !line.startsWith("    ")) continue;
    const script = line.trim().replace(/(^|\s)#\s.*$/, "");
    for (const part of script.split(/\s*(?:&&|\s\|\s|;)\s*/)) {
      const [program, ...words] = part.match(WORD) ?? [];
      if (program === "sslcollector" && !part.endsWith("\\") && !part.includes("$")) {
        commands.push(words.map((word) => word.replace(/^(['"])(.*)\1$/, "$2")));
      }
    }
  }
  return commands;
}

Deno.test("docs: every command is read, with its options and values", async () => {
  const commands = pages().flatMap((path) => commandsOf(Deno.readTextFileSync(path)));
  assert.ok(commands.length > 50, `${commands.length} commands`);
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", READER],
    env: { SSLCOLLECTOR_CONFIG: "/dev/null" },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(commands.map((words) => JSON.stringify(words)).join("\n")));
  await writer.close();
  const { stdout, stderr } = await child.output();
  const decoder = new TextDecoder();
  assert.equal(decoder.decode(stdout).trim().split("\n").at(-1), "all", decoder.decode(stderr));
});

Deno.test("docs: commands are found in blocks, behind pipes and without comments", () => {
  const page = "text sslcollector no\n\n    sslcollector -o - | sslcollector read 'a b' # sslcollector c\n";
  assert.deepEqual(commandsOf(page), [["-o", "-"], ["read", "a b"]]);
});
