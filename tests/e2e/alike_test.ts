// SPDX-License-Identifier: MIT
/** Programs do with the hook what they do without it: status, output and errors, with an agent and without one. @module */
import assert from "node:assert/strict";
import { missing } from "../support/run.ts";
import { notRoot, skipIf } from "../support/skip.ts";
import { LANGUAGES } from "./debian/languages.ts";
import { NETWORK } from "./debian/network.ts";
import { absent, type DebianProgram } from "./debian/program.ts";
import { Surroundings, WAYS } from "./debian/surroundings.ts";
import { SYSTEM } from "./debian/system.ts";

const lacking = notRoot("programs that change their user or root") ?? missing("openssl");
let surroundings: Surroundings;

Deno.test.beforeAll(async () => {
  if (!lacking) surroundings = await Surroundings.start();
});
Deno.test.afterAll(() => surroundings?.[Symbol.asyncDispose]());

async function checkAlike(program: DebianProgram): Promise<void> {
  const [plain, ...hooked] = await Promise.all(WAYS.map((way) => surroundings.run(program, way)));
  assert.equal(plain.code, program.status ?? 0, `${plain.stderr}${plain.stdout}`);
  hooked.forEach((outcome, index) => assert.deepEqual(outcome, plain, WAYS[index + 1]));
}

Deno.test({
  name: "the programs that are compared have the hook",
  ...skipIf(lacking),
  fn: async () => {
    const program = { name: "sh", needs: [], script: "grep -c ' [^ ]*libsslcollector_hook' /proc/self/maps" };
    const outcomes = await Promise.all(WAYS.map((way) => surroundings.run(program, way)));
    assert.deepEqual(outcomes.map(({ code }) => code), [1, 0, 0]);
  },
});

for (const program of [...LANGUAGES, ...SYSTEM, ...NETWORK]) {
  Deno.test({
    name: `with the hook as without: ${program.name}`,
    ...skipIf(lacking, absent(program.needs)),
    fn: () => checkAlike(program),
  });
}

Deno.test({
  name: "an agent that has served all these programs has counted every byte",
  ...skipIf(lacking, missing("curl")),
  fn: async () => {
    const { total } = await surroundings.agent.stop();
    assert.equal(total.imbalance, 0);
    assert(total.flows > 0, "no program was mirrored");
  },
});
