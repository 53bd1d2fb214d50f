// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { judgeMissing, judgeStrict } from "../ids/judge.ts";
import { missing } from "../support/run.ts";
import { skipIf } from "../support/skip.ts";
import { modeMissing, MODES, runSslcollector } from "./support/sslcollector.ts";
import { withFixture } from "./support/fixture.ts";

for (const mode of MODES) {
  Deno.test({
    name: `demo (${mode}) shows what curl asked for`,
    ...skipIf(missing("curl", "openssl"), judgeMissing(), modeMissing(mode)),
    fn: () =>
      withFixture(async (fixture) => {
        const capture = fixture.path("demo.pcapng");
        const { code, stdout, stderr } = await runSslcollector(mode, fixture, ["demo", "-o", capture]);
        assert.equal(code, 0, stderr);
        const text = new TextDecoder().decode(stdout);
        assert.match(text, /^ +client +request +status +sent +received$/m);
        assert.match(text, /^ +\d+ +GET \/hello +200 +0 B +\d+ B$/m);
        assert.match(text, /^ +\d+ +POST \/form +201 +\d+ B +\d+ B$/m);
        assert.match(text, /^ +\d+ +GET \/large +200 +0 B +977 KiB$/m);
        assert.ok(text.includes(`wireshark ${capture}`), text);
        const { http } = await judgeStrict(capture, {
          expect: [
            ["GET", "/hello", 200, null],
            ["GET", "/search?q=clear+text", 200, null],
            ["POST", "/form", 201, null],
            ["GET", "/large", 200, null],
          ],
        });
        assert.equal(http.length, 4);
      }),
  });
}
