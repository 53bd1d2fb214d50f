// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import fc from "fast-check";
import { ByteWriter } from "../../../codecs/http1/byte_writer.ts";
import { bytesOf, textOf } from "../../support/http2_frames.ts";

Deno.test("whatever is appended in whatever order comes out, however small the buffer was", () => {
  const pieces = fc.array(fc.tuple(fc.constantFrom("ascii", "copy"), fc.string({ maxLength: 300 })));
  fc.assert(fc.property(pieces, (pieces) => {
    const writer = new ByteWriter(1);
    for (const [how, text] of pieces) {
      if (how === "ascii") writer.ascii(text);
      else writer.copy(bytesOf(`<${text}>`), 1, 1 + text.length);
    }
    assert.equal(textOf(writer.view()), pieces.map(([, text]) => text).join(""));
  }));
});

Deno.test("a view is borrowed, a slice is kept", () => {
  const writer = new ByteWriter();
  writer.ascii("head");
  const view = writer.view(), slice = writer.slice(1);
  writer.length = 0;
  writer.ascii("HEAD");
  assert.equal(textOf(view), "HEAD");
  assert.equal(textOf(slice), "ead");
});

Deno.test("what was reserved can be written without a look at the length", () => {
  const writer = new ByteWriter(2);
  writer.ascii("ab");
  writer.reserve(1000);
  assert.ok(writer.bytes.length >= 1002);
  assert.equal(textOf(writer.view()), "ab");
});
