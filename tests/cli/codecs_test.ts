// SPDX-License-Identifier: MIT
/** `sslcollector codecs`, and plugins that cannot be loaded: one line with path and reason, exit status 2. */
import assert from "node:assert/strict";
import { modeMissing, MODES, runSslcollector } from "../e2e/support/sslcollector.ts";
import { withFixture } from "../e2e/support/fixture.ts";
import { missing, withTempDir } from "../support/run.ts";
import { runCommand } from "../support/command.ts";
import { skipIf } from "../support/skip.ts";

const GOOD =
  `export default { name: "good", contract: 1, description: "does\\nnothing", probe() {}, open() {} };`;

const WITH_SETTINGS = `export default {
  name: "settable",
  contract: 1,
  settings: {
    "keep": { type: "size", default: 4096, minimum: 1024, description: "so\\nmuch" },
    "letters": { type: "word", words: ["upper", "lower"], default: "upper", description: "which" },
  },
  configure({ keep, letters }) {
    if (letters === "lower" && keep > 8192) throw new RangeError("lower needs keep of 8KiB or less");
    return { probe: () => "accept", open() {} };
  },
};`;

/** What is wrong with a plugin, by its file, and what must be said of it. */
const BAD: Record<string, readonly [source: string, reason: RegExp]> = {
  "parse.ts": ["// ü\nexport default {\n  a: number b\n};\n", /does not parse: line 3/],
  "parse.js": ["export default {\n  a: 1 b: 2\n};\n", /does not parse: line 2/],
  "version.ts": [GOOD.replace("contract: 1", "contract: 2"), /contract must be 1, not 2/],
  "throws.ts": [`throw new Error("no \\x1b[31mluck\\nat all")`, /no _\[31mluck/],
  "throws_null.ts": ["throw null", /threw null/],
  "none.ts": ["export const codec = 1;", /the default export is not a codec object/],
  "lacks.ts": [`export default { name: "a", contract: 1, probe() {} };`, /the default export has no open/],
  "type.ts": [GOOD.replace("open() {}", "open: 5"), /open must be a function/],
  "name.ts": [GOOD.replace(`"good"`, `"Not so good"`), /name must be 1 to 32 of a-z, 0-9, _ and -/],
  "setting.ts": [
    WITH_SETTINGS.replace("default: 4096", "default: 1000"),
    /settings\.keep: default is not right: expected a size of at least 1KiB$/,
  ],
  "imports.ts": [`import "./nowhere.ts"; ${GOOD}`, /Module not found/],
};

Deno.test("codecs lists what is built in, with its settings", async () => {
  const { code, stdout, stderr } = await runCommand(["codecs"]);
  assert.deepEqual({ code, stderr }, { code: 0, stderr: "" });
  assert.match(stdout, /^raw +clear text as it is$/m);
  assert.match(stdout, /^http2to1 +\S.*$/m);
  assert.match(stdout, /^ +http2to1:waiting=SIZE +\S.*; 16MiB$/m);
  assert.match(stdout, /^ +http2to1:encodings=decode\|keep +\S.*; decode$/m);
  assert.match(stdout, /^decode +\S.*$/m);
  assert.match(stdout, /^ +decode:websocket=true\|false +\S.*; false$/m);
});

for (const mode of MODES) {
  Deno.test({
    name: `codecs (${mode}) checks plugins: a line for each, exit status 2 when one is bad`,
    ...skipIf(missing("openssl"), modeMissing(mode)),
    fn: () =>
      withFixture(async (fixture) => {
        for (const [name, [source]] of Object.entries(BAD)) {
          await Deno.writeTextFile(fixture.path(name), source);
        }
        await Deno.writeTextFile(fixture.path("good one?#.ts"), GOOD);
        const codecs = (...names: string[]) =>
          runSslcollector(mode, fixture, ["codecs", ...names], { cwd: fixture.folder });

        const good = await codecs("./good one?#.ts", "http2to1:lanes=9", "raw");
        assert.equal(good.code, 0, good.stderr);
        const lines = new TextDecoder().decode(good.stdout).trimEnd().split("\n")
          .filter((line) => !line.startsWith(" "));
        assert.deepEqual(
          lines.map((line) => line.split(" ")[0]),
          ["good", "http2to1", "raw"],
        );
        assert.match(lines[0], /does_nothing \(\.\/good one\?#\.ts\)$/);

        const names = [
          ...Object.keys(BAD),
          "./missing.ts",
          "/",
          "nosuch",
          "http2to1:waiting=x",
          "http2to1:a=1",
          "http2to1:lanes",
          "raw:a=1",
        ];
        const bad = await codecs("raw", ...names);
        assert.equal(bad.code, 2);
        assert.match(new TextDecoder().decode(bad.stdout), /^raw .*\n$/);
        const complaints = bad.stderr.trimEnd().split("\n");
        assert.equal(complaints.length, names.length, bad.stderr);
        Object.entries(BAD).forEach(([name, [, reason]], index) => {
          assert(
            complaints[index].startsWith(`sslcollector: codecs: ${fixture.path(name)}: `),
            complaints[index],
          );
          assert.match(complaints[index], reason);
        });
        const [missingFile, folder, unknown, value, setting, pair, raw] = complaints.slice(-7);
        assert.match(missingFile, /\/missing\.ts: no such file$/);
        assert.match(folder, /: \/: not a file$/);
        assert.match(
          unknown,
          /there is no codec "nosuch": built in are .*http2to1.*; a plugin is given as a path$/,
        );
        assert.match(value, /http2to1:waiting: expected a size such as 64MiB, got "x"$/);
        assert.match(setting, /http2to1 has no setting "a": there are stream-after, /);
        assert.match(pair, /http2to1: expected SETTING=VALUE, got "lanes"$/);
        assert.match(raw, /raw has no settings, got "a=1"$/);
      }),
  });
}

for (const mode of MODES) {
  Deno.test({
    name: `codecs (${mode}) lists a plugin's settings, and says what is wrong with given ones`,
    ...skipIf(missing("openssl"), modeMissing(mode)),
    fn: () =>
      withFixture(async (fixture) => {
        await Deno.writeTextFile(fixture.path("mine.ts"), WITH_SETTINGS);
        const codecs = (...names: string[]) =>
          runSslcollector(mode, fixture, ["codecs", ...names], { cwd: fixture.folder });
        const good = await codecs("./mine.ts:keep=2KiB:letters=lower");
        assert.equal(good.code, 0, good.stderr);
        assert.deepEqual(new TextDecoder().decode(good.stdout).trimEnd().split("\n"), [
          "settable     no description (./mine.ts:keep=2KiB:letters=lower)",
          "  settable:keep=SIZE            so_much; 4KiB",
          "  settable:letters=upper|lower  which; upper",
        ]);
        const wrong = {
          "keep=1": './mine.ts:keep: expected a size of at least 1KiB, got "1"',
          "letters=both": './mine.ts:letters: expected upper or lower, got "both"',
          "size=1": './mine.ts has no setting "size": there are keep, letters',
          "keep=1MiB:letters=lower": "./mine.ts: lower needs keep of 8KiB or less",
        };
        const bad = await codecs(...Object.keys(wrong).map((settings) => `./mine.ts:${settings}`));
        assert.deepEqual([bad.code, new TextDecoder().decode(bad.stdout)], [2, ""]);
        assert.deepEqual(
          bad.stderr.trimEnd().split("\n"),
          Object.values(wrong).map((line) => `sslcollector: codecs: ${line}`),
        );
      }),
  });
}

Deno.test("a wrong setting starts nothing, and its line names where it stands", async () => {
  await withTempDir(async (folder) => {
    await Deno.writeTextFile(`${folder}/mine.ts`, WITH_SETTINGS);
    const config = `${folder}/settings.toml`;
    const right = 'expected a size of at least 1KiB, got "1"';
    const words = "http2to1,./mine.ts:keep=1";
    const started = async (args: readonly string[], env: Record<string, string>) => {
      const run = ["run", "-o", "a.pcapng", ...args, "--", "true"];
      const { code, stdout, stderr } = await runCommand(run, { cwd: folder, env });
      assert.deepEqual({ code, stdout }, { code: 2, stdout: "" });
      return stderr;
    };
    assert.equal(await started(["--codec", words], {}), `sslcollector: --codec: ./mine.ts:keep: ${right}\n`);
    assert.equal(
      await started([], { SSLCOLLECTOR_CODEC: words }),
      `sslcollector: SSLCOLLECTOR_CODEC (environment): ./mine.ts:keep: ${right}\n`,
    );
    await Deno.writeTextFile(config, `codec = ${JSON.stringify(words)}\n`);
    assert.equal(
      await started([], { SSLCOLLECTOR_CONFIG: config }),
      `sslcollector: ${config}: line 1: codec: ./mine.ts:keep: ${right}\n`,
    );
    assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name).sort(), [
      "mine.ts",
      "settings.toml",
    ]);
  });
});

Deno.test("--codec with a plugin that cannot be loaded starts nothing", async () => {
  await withTempDir(async (folder) => {
    await Deno.writeTextFile(`${folder}/plugin.ts`, BAD["version.ts"][0]);
    const args = ["run", "-o", `${folder}/a.pcapng`, "--codec", `http2to1,${folder}/plugin.ts`, "--", "true"];
    const { code, stdout, stderr } = await runCommand(args);
    const line = `sslcollector: --codec: ${folder}/plugin.ts: contract must be 1, not 2\n`;
    assert.deepEqual({ code, stdout, stderr }, { code: 2, stdout: "", stderr: line });
    assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name), ["plugin.ts"]);
  });
});
