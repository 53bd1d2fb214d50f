// SPDX-License-Identifier: MIT
/**
 * The judge by hand: prints as JSON what Suricata makes of a capture.
 *
 *     deno run -A tests/ids/main.ts [--rules FILE] [--allow TEXT]... [--expect FILE] [--strict] CAPTURE
 *
 * `--expect` names a JSON list of `[method, url, status, bytes of body or null]`, the exchanges that really took place; `--allow`
 * leaves out events whose name contains the text; `--strict` exits with status 1 when a fault is left. What Suricata cannot read
 * exits with status 2.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { judge } from "./judge.ts";

const { values, positionals } = parseArgs({
  args: Deno.args,
  allowPositionals: true,
  options: {
    rules: { type: "string" },
    allow: { type: "string", multiple: true },
    expect: { type: "string" },
    strict: { type: "boolean" },
  },
});
if (positionals.length !== 1) {
  console.error("judge: give one capture");
  Deno.exit(2);
}
try {
  const verdict = await judge(positionals[0], {
    allow: values.allow,
    expect: values.expect ? JSON.parse(Deno.readTextFileSync(values.expect)) : undefined,
    rules: values.rules ? Deno.readTextFileSync(values.rules) : undefined,
  });
  console.log(JSON.stringify(verdict, undefined, 1));
  const isFaulty = Object.values(verdict.faults).some((count) => count > 0);
  Deno.exit(values.strict && isFaulty ? 1 : 0);
} catch (error) {
  console.error(`judge: ${(error as Error).message}`);
  Deno.exit(2);
}
