// SPDX-License-Identifier: MIT
/** What is written behind a codec's name, as the values that it declares. */
import assert from "node:assert/strict";
import fc from "fast-check";
import type { CodecSetting, CodecSettings } from "../../codecs/codec.ts";
import { formatSetting, parseSettings, settingRows, splitWords } from "../../codecs/settings.ts";

const SETTINGS = {
  "keep": { type: "size", default: 4096, minimum: 1024, description: "so much" },
  "wait": { type: "duration", default: 1_500_000_000, description: "so long" },
  "lanes": { type: "number", default: 8, minimum: 1, maximum: 64, description: "so many" },
  "letters": { type: "word", words: ["upper", "lower"], default: "upper", description: "which" },
  "mark": { type: "text", default: "", description: "what" },
  "strict": { type: "boolean", default: false, description: "whether" },
} as const satisfies CodecSettings;
const DEFAULTS = { keep: 4096, wait: 1.5e9, lanes: 8, letters: "upper", mark: "", strict: false };

const parsed = (words: string, settings: CodecSettings = SETTINGS) =>
  parseSettings(settings, splitWords(words));
const refusal = (words: string, settings: CodecSettings = SETTINGS): string => {
  try {
    parsed(words, settings);
  } catch (error) {
    assert.ok(error instanceof RangeError);
    return error.message;
  }
  assert.fail(`${words} was taken`);
};

Deno.test("settings: each value has its type, what is not given its default", () => {
  assert.deepEqual(parsed("x"), DEFAULTS);
  assert.deepEqual(parsed("x:keep=1MiB:wait=250ms:lanes=64:letters=lower:mark=a=b:strict=true"), {
    keep: 2 ** 20,
    wait: 250_000_000,
    lanes: 64,
    letters: "lower",
    mark: "a=b",
    strict: true,
  });
  assert.deepEqual(parsed("x:strict=false:mark=", SETTINGS), DEFAULTS);
});

Deno.test("settings: a wrong one is named with its value and what would be right", () => {
  const expected: Record<string, string> = {
    "keep=soon": "keep: expected a size of at least 1KiB, got",
    "keep=1023": "keep: expected a size of at least 1KiB, got",
    "wait=1w": "wait: expected a duration such as 250ms, 5s or 10m, got",
    "wait=": "wait: expected a duration such as 250ms, 5s or 10m, got",
    "lanes=0": "lanes: expected a whole number from 1 to 64, got",
    "lanes=65": "lanes: expected a whole number from 1 to 64, got",
    "lanes=1.5": "lanes: expected a whole number from 1 to 64, got",
    "letters=UPPER": "letters: expected upper or lower, got",
    "strict=yes": "strict: expected true or false, got",
  };
  for (const [pair, message] of Object.entries(expected)) {
    const value = pair.slice(pair.indexOf("=") + 1);
    assert.equal(refusal(`./x.ts:mark=m:${pair}`), `./x.ts:${message} ${JSON.stringify(value)}`);
  }
});

Deno.test("settings: unknown ones, none at all, and one given twice", () => {
  assert.equal(
    refusal("x:a=1"),
    'x has no setting "a": there are keep, wait, lanes, letters, mark, strict',
  );
  assert.equal(refusal("x:a=1", {}), 'x has no settings, got "a=1"');
  assert.equal(refusal("x:lanes=1:lanes=2"), 'x:lanes: expected one value, got "1" and "2"');
});

Deno.test("settings: names that every object has are names as any other", () => {
  const settings = {
    "constructor": { type: "number", default: 3, description: "" },
  } as unknown as CodecSettings;
  assert.deepEqual({ ...parsed("x", settings) }, { constructor: 3 });
  assert.deepEqual({ ...parsed("x:constructor=4", settings) }, { constructor: 4 });
  assert.match(refusal("x:constructor=4"), /has no setting "constructor"/);
  assert.match(refusal("x:__proto__=4"), /has no setting "__proto__"/);
});

Deno.test("settings: paths and values keep their colons", () => {
  assert.deepEqual(splitWords("http2to1"), { name: "http2to1", pairs: [] });
  assert.deepEqual(splitWords("C:\\a:b\\x.ts:keep=1:mark=a:b"), {
    name: "C:\\a:b\\x.ts",
    pairs: [["keep", "1"], ["mark", "a:b"]],
  });
  assert.deepEqual(splitWords("x:lanes"), { name: "x:lanes", pairs: [] });
});

Deno.test("settings: rows for people", () => {
  assert.deepEqual(settingRows(SETTINGS).map((row) => Object.values(row).join(" ")), [
    "keep SIZE 4KiB so much",
    "wait DURATION 1500ms so long",
    "lanes N 8 so many",
    "letters upper|lower upper which",
    "mark TEXT  what",
    "strict true|false false whether",
  ]);
});

Deno.test("settings: a value that is written is read as it was", () => {
  const value = fc.record({
    keep: fc.oneof(fc.integer({ min: 1024 }), fc.integer({ min: 1, max: 4096 }).map((k) => k * 1024)),
    wait: fc.nat({ max: 10_000_000 }).map((ms) => ms * 1e6),
    lanes: fc.integer({ min: 1, max: 64 }),
    letters: fc.constantFrom("upper", "lower"),
    mark: fc.string().filter((text) => !/:[\w-]+=/.test(text)),
    strict: fc.boolean(),
  });
  fc.assert(fc.property(value, (values) => {
    const words = Object.entries(values).map(([name, value]) =>
      `:${name}=${formatSetting((SETTINGS as Record<string, CodecSetting>)[name], value)}`
    );
    assert.deepEqual(parsed(`./x.ts${words.join("")}`), { ...values });
  }));
});
