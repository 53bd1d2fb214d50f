// SPDX-License-Identifier: MIT
import { FieldList } from "../../../codecs/http/field_list.ts";
import assert from "node:assert/strict";
import fc from "fast-check";
import { ByteWriter } from "../../../codecs/http1/byte_writer.ts";
import { FieldLines, MAX_LINE_BYTES } from "../../../codecs/http1/field_lines.ts";
import { LENGTH_ABSENT, LENGTH_INVALID } from "../../../codecs/http1/field_value.ts";
import { addFields, Counts } from "../../support/field_list.ts";
import { type Fields, textOf } from "../../support/http2_frames.ts";

function linesOf(fields: Fields) {
  const out = new ByteWriter(1);
  const counts = new Counts();
  const list = addFields(new FieldList(), fields);
  const lines = new FieldLines(out, list, counts.count);
  return { lines, list, counts, facts: lines.facts, text: () => textOf(out.view()) };
}

Deno.test("a field is a line in title case; one of ours or renamed is in lower case", () => {
  const { lines, text } = linesOf([["user-agent", "curl/8"], ["Host", "b"], ["x-sslcollector-a", "c"]]);
  lines.field(0);
  lines.renamed(1, "x-sslcollector-");
  lines.reserved(2);
  assert.equal(text(), "User-Agent: curl/8\r\nx-sslcollector-host: b\r\nx-sslcollector-peer-a: c\r\n");
});

Deno.test("what had to be substituted is counted", () => {
  const { lines, counts, text } = linesOf([["A b", "1\r\n2"]]);
  lines.field(0);
  assert.equal(text(), "A_b: 1  2\r\n");
  assert.deepEqual([...counts], [["substituted-name", 1], ["upper-case-name", 1], [
    "substituted-value-byte",
    2,
  ]]);
});

Deno.test("cookie crumbs from a field on are one line, other fields between them left alone", () => {
  const { lines, facts, text } = linesOf([["cookie", "z=0"], ["cookie", "a=1"], ["x", "y"], [
    "cookie",
    "b=2",
  ]]);
  lines.cookies(1);
  assert.equal(text(), "Cookie: a=1; b=2\r\n");
  assert.equal(facts.fieldCount, 1);
});

Deno.test("one content-length is believed, and like ones are one", () => {
  const { lines, facts } = linesOf([["content-length", "12"], ["content-length", "12"]]);
  assert.equal(facts.declaredLength, LENGTH_ABSENT);
  lines.contentLength(0);
  lines.contentLength(1);
  assert.equal(facts.declaredLength, 12);
  assert.equal(facts.claim, "x-sslcollector-content-length: 12\r\n");
});

Deno.test("differing content-lengths are a claim that cannot be true, and no longer than tells something", () => {
  const { lines, list, facts } = linesOf([
    ["content-length", "1"],
    ["content-length", "2 \r\n"],
    ...Array.from({ length: 1000 }, (_, i) => ["content-length", `${i}`.repeat(40)] as const),
  ]);
  for (let i = 0; i < list.count; i++) lines.contentLength(i);
  assert.equal(facts.declaredLength, LENGTH_INVALID);
  assert.ok(
    facts.claim.startsWith("x-sslcollector-content-length: 1\r\nx-sslcollector-content-length: 2___\r\n"),
  );
  assert.ok(facts.claim.length < 500);
});

Deno.test("a head of which something is unknown is marked, by every reason", () => {
  const marked = (prepare: (one: ReturnType<typeof linesOf>) => void, doubt: "" | "resync" = "") => {
    const one = linesOf([["a", "b"]]);
    prepare(one);
    one.lines.partialMark(doubt);
    return one.text();
  };
  assert.equal(marked(() => {}), "");
  assert.equal(marked(() => {}, "resync"), "x-sslcollector-partial: resync\r\n");
  assert.equal(marked(({ list }) => list.addLost()), "x-sslcollector-partial: fields\r\n");
  const all = marked(({ list }) => {
    list.addLost();
    list.isCut = true;
  }, "resync");
  assert.equal(all, "x-sslcollector-partial: fields, bound, resync\r\n");
});

Deno.test("lines that are too long become several of one name, and nothing of the value is lost", () => {
  const nameLength = fc.integer({ min: 1, max: MAX_LINE_BYTES / 2 - 10 });
  fc.assert(
    fc.property(nameLength, fc.integer({ min: 0, max: 50_000 }), (nameLength, valueLength) => {
      const value = "0123456789".repeat(Math.ceil(valueLength / 10)).slice(0, valueLength);
      const { lines, facts, text } = linesOf([["n".repeat(nameLength), value]]);
      lines.field(0);
      assert.ok(text().endsWith("\r\n"));
      const split = text().slice(0, -2).split("\r\n");
      const name = `N${"n".repeat(nameLength - 1)}: `;
      for (const line of split) {
        assert.ok(line.startsWith(name));
        assert.ok(line.length + 2 <= MAX_LINE_BYTES);
      }
      assert.equal(split.map((line) => line.slice(name.length)).join(""), value);
      assert.equal(facts.fieldCount, split.length);
      assert.equal(facts.repeatedFields, split.length - 1);
      assert.equal(facts.apart, "");
    }),
    { numRuns: 50 },
  );
});

Deno.test("a line whose name leaves no room for the value goes to a lane of its own as it is", () => {
  const { lines, facts, text } = linesOf([["n".repeat(MAX_LINE_BYTES), "value"]]);
  lines.field(0);
  assert.ok(text().endsWith("n: value\r\n"));
  assert.equal(facts.apart, "long-name");
});

Deno.test("of names that come again at least as many are counted as repeated, in one head and not over two", () => {
  const names = fc.array(fc.stringMatching(/^[a-z]{1,3}$/), { maxLength: 60 });
  fc.assert(fc.property(names, (names) => {
    const { lines, facts } = linesOf(names.map((name) => [name, ""] as const));
    names.forEach((_, i) => lines.field(i));
    assert.equal(facts.fieldCount, names.length);
    assert.ok(facts.repeatedFields >= names.length - new Set(names).size);
  }));
  for (let head = 0; head < 3; head++) {
    const { lines, facts } = linesOf([["server", "x"], ["date", "y"]]);
    lines.field(0);
    lines.field(1);
    assert.equal(facts.repeatedFields, 0);
  }
});
