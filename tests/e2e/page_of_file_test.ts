// SPDX-License-Identifier: MIT
/** `replay --ui` and `read --ui`: what was written before, in a page that is there until Ctrl-C. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import type { PageRow } from "../../net/page/messages.ts";
import { type Fixture, withFixture } from "./support/fixture.ts";
import { PageOfProgram } from "./support/page.ts";
import { startSslcollector } from "./support/sslcollector.ts";

const RECORDING = fileURLToPath(new URL("../vectors/recordings/forks_v1.sslc", import.meta.url));
const REQUESTS = ["/first", "/1", "/2", "/3", "/4", "/5", "/6", "/7"];

/** Looks at the page of a command, and ends it as Ctrl-C does. */
async function seen(
  fixture: Fixture,
  args: readonly string[],
  look: (page: PageOfProgram, rows: PageRow[]) => Promise<void>,
): Promise<void> {
  await using child = await startSslcollector("source", fixture, [...args, "--ui", "0"]);
  const page = await PageOfProgram.of(child);
  await child.found("stderr", /stop with Ctrl-C/);
  const rows = await page.rows(REQUESTS.length);
  assert.deepEqual(rows.map(({ path }) => path), REQUESTS);
  await look(page, rows);
  child.kill("SIGINT");
  const { code, stderr } = await child.ended;
  assert.equal(code, 0, stderr);
}

Deno.test("a recording and the capture of it are shown by a page until Ctrl-C", () =>
  withFixture(async (fixture) => {
    const capture = fixture.path("again.pcapng");
    await seen(fixture, ["replay", RECORDING, "-o", capture], async (page) => {
      assert.equal((await page.status()).report?.role, "agent");
    });
    await seen(fixture, ["read", capture], async (page, [first]) => {
      assert.equal((await page.status()).report, undefined);
      assert.equal(first.program, "python3");
      const { log } = JSON.parse(await page.text(`/api/har?row=${first.number}`));
      assert.match(log.entries[0].request.url, /\/first$/);
    });
  }));
