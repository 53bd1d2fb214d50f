// SPDX-License-Identifier: MIT
/** Nothing but what this program writes reaches standard output: the runtime's brotli decoder writes there too. */
import assert from "node:assert/strict";
import { run } from "../../support/run.ts";

const SOURCE = new URL("../../../", import.meta.url).href;
const PROGRAM = `
import { brotliCompressSync, brotliDecompressSync, constants } from "node:zlib";
import { ownStdout } from "${SOURCE}net/ffi/own_stdout.ts";
import { Random } from "${SOURCE}tests/support/random.ts";
const write = async (text: string) => {
  const own = ownStdout();
  const bytes = new TextEncoder().encode(text);
  if (own.kind === "at once") own.writer.write(bytes);
  else await own.write(bytes);
};
if (Deno.args[0] === "own") await write("ours\\n");
const quick = { params: { [constants.BROTLI_PARAM_QUALITY]: 4 } };
for (let seed = 0; seed < 2000; seed++) {
  const random = new Random(seed);
  const letters = 1 + random.below(40);
  const body = brotliCompressSync(random.bytes(random.below(300)).map((byte) => 97 + byte % letters), quick);
  try {
    brotliDecompressSync(random.mutated(body));
  } catch {}
}
if (Deno.args[0] === "own") await write("and nothing else\\n");
`;

Deno.test("standard output has what is written to it, and nothing of the runtime's", async () => {
  const url = `data:application/typescript,${encodeURIComponent(PROGRAM)}`;
  const { code, stdout, stderr } = await run(Deno.execPath(), ["run", "-A", "--quiet", url, "own"]);
  assert.equal(code, 0, stderr);
  assert.equal(stdout, "ours\nand nothing else\n");
});
