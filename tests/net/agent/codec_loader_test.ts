// SPDX-License-Identifier: MIT
/** Codecs out of what `--codec` and library users give; plugins that cannot be loaded are in tests/cli/codecs_test.ts. */
import assert from "node:assert/strict";
import type { CodecPlugin } from "../../../codecs/codec.ts";
import { http2to1, http2to1Codec } from "../../../codecs/http2to1/codec.ts";
import { loadChain, loadCodec } from "../../../net/agent/codec_loader.ts";
import { CodecHarness } from "../../support/codec_harness.ts";
import { bytesOf, textOf } from "../../support/http2_frames.ts";
import { withTempDir } from "../../support/run.ts";

/** Writes a mark before each piece. */
const MARKING = `{
  name: "marking",
  contract: 1,
  settings: { mark: { type: "text", default: "-", description: "stands before each piece" } },
  configure: ({ mark }) => ({
    probe: () => "accept",
    open: (_flow, output) => ({
      data(direction, bytes) {
        output.write(0, direction, new TextEncoder().encode(mark));
        output.write(0, direction, bytes);
      },
      gap() {},
      end() {},
    }),
  }),
}`;

async function marked(given: string | CodecPlugin): Promise<string> {
  const { codec } = await loadCodec(given);
  return textOf(
    new CodecHarness(codec).data(0, bytesOf("a")).data(0, bytesOf("b")).connections()[0].streams[0],
  );
}

Deno.test("loading: one plugin twice, each time with settings of its own", () =>
  withTempDir(async (folder) => {
    const path = `${folder}/a:b.js`;
    await Deno.writeTextFile(path, `export default ${MARKING};`);
    assert.equal(await marked(path), "-a-b");
    assert.equal(await marked(`${path}:mark=:)`), ":)a:)b");
    assert.equal(await marked(`${path}:mark=a=b`), "a=baa=bb");
    assert.equal(await marked(path), "-a-b");
  }));

Deno.test("loading: what a library user has in hand has its defaults, and is checked", () =>
  withTempDir(async (folder) => {
    await Deno.writeTextFile(`${folder}/marking.js`, `export default ${MARKING};`);
    const { plugin } = await loadCodec(`${folder}/marking.js:mark=+`);
    assert.equal(await marked(plugin), "-a-b");
    const loaded = await loadCodec(plugin);
    assert.deepEqual([loaded.plugin, loaded.codec.name], [plugin, "marking"]);
    await assert.rejects(loadCodec({ ...plugin, contract: 2 }), new Error("contract must be 1, not 2"));
    await assert.rejects(loadCodec({} as CodecPlugin), new Error("the default export has no name"));
  }));

Deno.test("loading: a mistake is one line that can be printed", () =>
  withTempDir(async (folder) => {
    const path = `${folder}/refuses.js`;
    const refusing = MARKING.replace(
      /configure: [^]*/,
      'configure() { throw new Error("no\\n\\x1b[31m luck"); } }',
    );
    await Deno.writeTextFile(path, `export default ${refusing};`);
    await assert.rejects(loadCodec(path), new Error(`${path}: no__[31m luck`));
    await assert.rejects(
      loadCodec("http2to1:lanes=\n"),
      new Error('http2to1:lanes: expected a whole number from 0 to 2567, got "\\n"'),
    );
  }));

Deno.test("loading: decode is behind http2to1, unless encodings are kept or the chain has it anyway", async () => {
  const chains = {
    "http2to1": ["http2to1", "decode"],
    "http2to1:encodings=keep": ["http2to1"],
    "decode:ratio=9,http2to1": ["decode", "http2to1"],
    "http2to1,raw,decode": ["http2to1", "raw", "decode"],
    "http2to1,raw": ["http2to1", "decode", "raw"],
    "raw": ["raw"],
  };
  for (const [given, expected] of Object.entries(chains)) {
    const chain = await loadChain(given.split(","));
    assert.deepEqual(chain.map(({ name }) => name), expected, given);
  }
  assert.deepEqual((await loadChain([http2to1Codec])).map(({ name }) => name), ["http2to1", "decode"]);
  assert.deepEqual((await loadChain([http2to1()])).map(({ name }) => name), ["http2to1"]);
});
