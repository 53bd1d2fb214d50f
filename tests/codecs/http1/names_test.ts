// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import fc from "fast-check";
import { ByteWriter } from "../../../codecs/http1/byte_writer.ts";
import {
  NameFault,
  reasonPhrase,
  writeLowerName,
  writeName,
  writeTarget,
  writeToken,
  writeValue,
} from "../../../codecs/http1/names.ts";
import { bytesOf, textOf } from "../../support/http2_frames.ts";

type Writer = (out: ByteWriter, source: Uint8Array, start: number, end: number) => number;

/** What a writer makes of some bytes between others, behind what is there already. */
function written(write: Writer, source: string | Uint8Array): { text: string; result: number } {
  const bytes = typeof source === "string" ? bytesOf(source) : source;
  const framed = Uint8Array.from([0x58, ...bytes, 0x59]);
  const out = new ByteWriter(1);
  out.ascii("before");
  const result = write(out, framed, 1, 1 + bytes.length);
  const text = textOf(out.view());
  assert.ok(text.startsWith("before"));
  return { text: text.slice("before".length), result };
}

const ALL_BYTES = Uint8Array.from({ length: 256 }, (_, i) => i);
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]*$/;
const anyBytes = fc.uint8Array({ maxLength: 200 });

Deno.test("a token keeps the 77 token characters and has an underscore for every other byte", () => {
  const { text, result } = written(writeToken, ALL_BYTES);
  assert.match(text, TOKEN);
  assert.equal(result, 256 - 77);
  for (let i = 0; i < 256; i++) {
    const isToken = TOKEN.test(String.fromCharCode(i));
    assert.equal(text[i], isToken ? String.fromCharCode(i) : "_", `byte ${i}`);
  }
});

Deno.test("names are in title case, word by word", () => {
  assert.deepEqual(written(writeName, "x-forwarded-for"), {
    text: "X-Forwarded-For",
    result: NameFault.NONE,
  });
  assert.deepEqual(written(writeName, "etag"), { text: "Etag", result: NameFault.NONE });
  assert.deepEqual(written(writeName, "-a--b-"), { text: "-A--B-", result: NameFault.NONE });
  assert.deepEqual(written(writeName, "3d-x1y"), { text: "3d-X1y", result: NameFault.NONE });
});

Deno.test("capitals and bytes that no name has are told, each by its bit", () => {
  assert.deepEqual(written(writeName, "ETag"), { text: "Etag", result: NameFault.UPPER_CASE });
  assert.deepEqual(written(writeName, "a b:c"), { text: "A_b_c", result: NameFault.SUBSTITUTED });
  assert.deepEqual(written(writeName, "A\r\n"), {
    text: "A__",
    result: NameFault.UPPER_CASE | NameFault.SUBSTITUTED,
  });
  assert.deepEqual(written(writeLowerName, "X-Y z"), { text: "x-y_z", result: NameFault.SUBSTITUTED });
});

Deno.test("no byte ends a name: every one is a token, of one length with what came", () => {
  fc.assert(
    fc.property(anyBytes, fc.constantFrom<Writer>(writeName, writeLowerName, writeToken), (bytes, write) => {
      const { text } = written(write, bytes);
      assert.match(text, TOKEN);
      assert.equal(text.length, bytes.length);
    }),
  );
});

Deno.test("a value has a space for each CR, LF and NUL, and is else as it came", () => {
  assert.deepEqual(written(writeValue, "a\r\nb\0c\td\xff"), { text: "a  b c\td\xff", result: 3 });
  fc.assert(fc.property(anyBytes, (bytes) => {
    const { text, result } = written(writeValue, bytes);
    assert.equal(text, textOf(bytes).replace(/[\r\n\0]/g, " "));
    assert.equal(result, bytes.filter((c) => c === 0 || c === 10 || c === 13).length);
  }));
});

Deno.test("a target has no blank or control character, and decodes to what came", () => {
  assert.deepEqual(written(writeTarget, "/a b\x7f%20\xe4"), { text: "/a%20b%7F%20\xe4", result: 2 });
  fc.assert(fc.property(anyBytes, (bytes) => {
    const source = bytes.filter((c) => c !== 0x25);
    const { text, result } = written(writeTarget, source);
    assert.doesNotMatch(text, /[\0-\x20\x7f]/);
    assert.equal(text.length, source.length + 2 * result);
    const decoded = text.replace(/%(..)/g, (_, digits) => String.fromCharCode(parseInt(digits, 16)));
    assert.equal(decoded, textOf(source));
  }));
});

Deno.test("every status has a reason phrase, so that an IDS has one to look at", () => {
  for (let status = 100; status <= 999; status++) assert.match(reasonPhrase(status), /^[A-Za-z' -]+$/);
  assert.equal(reasonPhrase(404), "Not Found");
  assert.equal(reasonPhrase(299), "Unassigned");
});
