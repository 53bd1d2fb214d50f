// SPDX-License-Identifier: MIT
/** The example of the library, as its own program, and what the README shows of it. @module */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { withFixture } from "../e2e/support/fixture.ts";
import { NodeServer } from "../e2e/support/http2.ts";
import { missing, run, runOk, withTempDir } from "../support/run.ts";
import { skipIf } from "../support/skip.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

Deno.test({
  name: "docs/examples/print_requests.ts prints what curl asks for, and ends",
  ...skipIf(missing("curl", "openssl", "node")),
  fn: () =>
    withFixture(async (fixture) => {
      await using server = await NodeServer.start(fixture);
      const urls = ["/first?size=10", "/second?size=20"].map((path) =>
        `https://127.0.0.1:${server.port}${path}`
      );
      const curl = ["curl", "--silent", "--http2", "--cacert", fixture.certificate, ...urls];
      const example = `${ROOT}docs/examples/print_requests.ts`;
      const { code, stdout, stderr } = await run(Deno.execPath(), ["run", "-A", example, ...curl]);
      assert.equal(code, 0, stderr);
      const lines = stdout.trim().split("\n");
      assert.deepEqual(lines.slice(0, -1), [
        `127.0.0.1:${server.port} GET /first?size=10 HTTP/1.1`,
        `127.0.0.1:${server.port} GET /second?size=20 HTTP/1.1`,
      ]);
      assert.match(lines.at(-1)!, /^1 sessions, \d+ packets$/);
    }),
});

/** What the programs import, from wherever they are shown. */
const IMPORTED = /"(?:\.\.?\/)+(mod|codecs\/codec)\.ts"/g;
/** Before the program that a page shows: what a reader has of his own. */
const OWN: Readonly<Record<string, string>> = {
  "README.md": "declare const runtimeDir: string;",
  "docs/codecs.md": "declare const Session: new (...parts: unknown[]) => CodecSession;\n" +
    'import type { CodecSession } from "../../codecs/codec.ts";',
};

Deno.test("README.md and docs/codecs.md show programs that the library's types allow", () =>
  withTempDir(async (folder) => {
    const paths: string[] = [];
    for (const [page, own] of Object.entries(OWN)) {
      const blocks = [...Deno.readTextFileSync(`${ROOT}${page}`).matchAll(/^```ts\n(.*?)^```$/gms)];
      const program = `${own}\n${blocks.at(-1)![1]}export {};\n`;
      const path = `${folder}/${paths.length}.ts`;
      await Deno.writeTextFile(path, program.replaceAll(IMPORTED, `"${ROOT}$1.ts"`));
      paths.push(path);
    }
    await runOk(Deno.execPath(), "check", "--config", `${ROOT}deno.json`, ...paths);
  }));
