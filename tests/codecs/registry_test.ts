// SPDX-License-Identifier: MIT
/** What makes a value a codec, and codecs made with their settings. */
import assert from "node:assert/strict";
import type { CodecFlow, CodecOutput, CodecSample } from "../../codecs/codec.ts";
import { BUILT_IN_CODECS, checkCodec, configureCodec } from "../../codecs/registry.ts";
import { settingRows, splitWords } from "../../codecs/settings.ts";

const PLAIN = { name: "plain", contract: 1, probe() {}, open() {} };
const LANES = { type: "number", default: 8, description: "so many" };
const CONFIGURABLE = { name: "conf", contract: 1, settings: { lanes: LANES }, configure: () => PLAIN };

Deno.test("registry: what is built in is what a plugin may be", () => {
  for (const [name, codec] of BUILT_IN_CODECS) {
    assert.equal(checkCodec(codec), codec);
    assert.equal(name, codec.name);
    assert.ok(codec.description);
    for (const row of "settings" in codec ? settingRows(codec.settings) : []) assert.ok(row.description);
    assert.equal(configureCodec(codec, splitWords(name)).name, name);
  }
});

Deno.test("registry: what is wrong with a codec is said with its place", () => {
  const lanes = (setting: unknown) => ({ ...CONFIGURABLE, settings: { lanes: setting } });
  const wrong: [unknown, string][] = [
    [undefined, "the default export is not a codec object"],
    [{ ...PLAIN, open: undefined }, "open must be a function"],
    [{ name: "a", contract: 1, probe() {} }, "the default export has no open"],
    [{ ...PLAIN, warmUp: 5 }, "warmUp must be a function"],
    [{ ...PLAIN, settings: {} }, "the default export has no configure"],
    [{ name: "a", contract: 1, configure() {} }, "the default export has no settings"],
    [{ ...CONFIGURABLE, settings: 5 }, "settings must be an object"],
    [
      { ...CONFIGURABLE, settings: { "Max Lanes": LANES } },
      "settings.Max Lanes: the name must be 1 to 32 of a-z, 0-9 and -, a letter first",
    ],
    [
      lanes({ ...LANES, type: "sice" }),
      "settings.lanes: type must be number, size, duration, word, text or boolean",
    ],
    [lanes(5), "settings.lanes: type must be number, size, duration, word, text or boolean"],
    [lanes({ type: "size", default: 1 }), "settings.lanes has no description"],
    [lanes({ default: 1 }), "settings.lanes has no type"],
    [lanes({ ...LANES, default: "8" }), "settings.lanes: default must be a whole number, 0 or more"],
    [lanes({ ...LANES, default: -1 }), "settings.lanes: default must be a whole number, 0 or more"],
    [
      lanes({ ...LANES, minimum: 9 }),
      "settings.lanes: default is not right: expected a whole number of at least 9",
    ],
    [
      lanes({ type: "word", words: ["a", "b"], default: "c", description: "" }),
      "settings.lanes: default is not right: expected a or b",
    ],
    [
      lanes({ type: "word", words: [], default: "c", description: "" }),
      "settings.lanes: words must not be empty",
    ],
    [
      lanes({ type: "boolean", default: "true", description: "" }),
      "settings.lanes: default must be true or false",
    ],
  ];
  for (const [value, message] of wrong) assert.throws(() => checkCodec(value), new TypeError(message));
});

Deno.test("registry: a codec is made anew with each set of values, and keeps its face", () => {
  const seen: unknown[] = [];
  const plugin = checkCodec({
    ...CONFIGURABLE,
    description: "text",
    warmUp: () => ({ records: [] }),
    configure(this: unknown, values: { lanes: number }) {
      seen.push(values.lanes, this === plugin);
      return {
        lanes: values.lanes,
        probe(this: { lanes: number }) {
          return this.lanes > 8 ? "accept" : "reject";
        },
        open: () => ({ lanes: values.lanes }),
      };
    },
  });
  const few = configureCodec(plugin, splitWords("conf"));
  const many = configureCodec(plugin, splitWords("conf:lanes=9"));
  assert.deepEqual(seen, [8, true, 9, true]);
  const { name, contract, description } = many;
  assert.deepEqual({ name, contract, description }, { name: "conf", contract: 1, description: "text" });
  assert.deepEqual(many.warmUp!(), { records: [] });
  const sample = {} as CodecSample;
  assert.deepEqual([few.probe(sample), many.probe(sample)], ["reject", "accept"]);
  assert.deepEqual(many.open({} as CodecFlow, {} as CodecOutput), { lanes: 9 });
});

Deno.test("registry: what a codec has against its values is shown behind its name", () => {
  const made = (configure: () => unknown) => () =>
    configureCodec(checkCodec({ ...CONFIGURABLE, configure }), splitWords("./a.ts:lanes=1"));
  const thrower = (thrown: unknown) => () => {
    throw thrown;
  };
  assert.throws(made(thrower(new RangeError("too few lanes"))), new Error("./a.ts: too few lanes"));
  assert.throws(made(thrower(null)), new Error("./a.ts: threw null"));
  assert.throws(made(() => undefined), new Error("./a.ts: configure gave no object"));
  assert.throws(made(() => ({ probe() {} })), new Error("./a.ts: what configure gave has no open"));
});
