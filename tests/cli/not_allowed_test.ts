// SPDX-License-Identifier: MIT
/** Who may not ask what runs is told so, and not that nothing runs. */
import assert from "node:assert/strict";
import { runCommand } from "../support/command.ts";
import { missing, withTempDir } from "../support/run.ts";
import { notRoot, skipIf } from "../support/skip.ts";

const NOBODY = 65534;
/** Rights by which root passes every folder. */
const TAKEN = "-dac_override,-dac_read_search";

Deno.test({
  name: "status, ps, doctor: of a folder of another user's, who may ask",
  ...skipIf(notRoot("another user's folder"), missing("setpriv")),
  fn: () =>
    withTempDir(async (folder) => {
      await Deno.mkdir(`${folder}/status`, { mode: 0o700 });
      await Deno.chown(`${folder}/status`, NOBODY, NOBODY);
      const under = ["setpriv", "--bounding-set", TAKEN, "--inh-caps", TAKEN, "--"];
      const ask = (...words: string[]) => runCommand([...words, "--runtime-dir", folder], { under });
      const [status, ps, doctor] = await Promise.all([ask("status"), ask("ps"), ask("doctor")]);
      const line = `only root and uid ${NOBODY} may ask what runs below ${folder}`;
      assert.deepEqual([status.code, status.stderr, status.stdout], [4, `sslcollector: ${line}\n`, ""]);
      assert.equal(ps.code, 4);
      assert.ok(ps.stderr.startsWith(`sslcollector: ${line}: `), ps.stderr);
      assert.doesNotMatch(ps.stdout, /no agent runs/);
      assert.ok(doctor.stdout.includes(`warning  agent: ${line}\n`), doctor.stdout);
    }),
});
