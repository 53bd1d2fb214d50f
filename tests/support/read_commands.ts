// SPDX-License-Identifier: MIT
/** Reads command lines as `sslcollector` does, a JSON array of words for each line of standard input; ends at the first mistake. @module */
import { readCommand } from "../../cli/command_line.ts";

const lines = (await new Response(Deno.stdin.readable).text()).trim().split("\n");
for (const line of lines) {
  console.log(line);
  readCommand(JSON.parse(line));
}
console.log("all");
