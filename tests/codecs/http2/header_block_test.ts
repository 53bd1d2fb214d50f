// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import fc from "fast-check";
import { BlockState, HeaderBlock } from "../../../codecs/http2/header_block.ts";
import { bytesOf, textOf } from "../../support/http2_frames.ts";

const append = (block: HeaderBlock, text: string) => block.append(bytesOf(`<${text}>`), 1, 1 + text.length);
const kept = (block: HeaderBlock) => textOf(block.bytes.subarray(0, block.lengthBytes));

Deno.test("fragments are one block, of which never more is kept than the bound", () => {
  fc.assert(fc.property(fc.array(fc.stringMatching(/^[a-z]{0,80}$/), { maxLength: 30 }), (fragments) => {
    const block = new HeaderBlock(1000, 100);
    block.begin();
    for (const fragment of fragments) append(block, fragment);
    const whole = fragments.join("");
    assert.equal(kept(block), whole.slice(0, 1000));
    assert.equal(block.state, whole.length > 1000 ? BlockState.CUT : BlockState.OPEN);
    assert.ok(block.bytes.length <= Math.max(1024, 1000));
  }));
});

Deno.test("what comes behind the beginning that is kept is left alone", () => {
  const block = new HeaderBlock(4, 100);
  block.begin();
  append(block, "abc");
  append(block, "def");
  append(block, "g");
  assert.equal(kept(block), "abcd");
  assert.equal(block.state, BlockState.CUT);
});

Deno.test("CONTINUATION frames over their bound add nothing, however small they are", () => {
  const block = new HeaderBlock(1000, 2);
  block.begin();
  for (const text of ["a", "b", "c", "d"]) {
    block.continue();
    append(block, text);
  }
  assert.equal(kept(block), "ab");
  assert.equal(block.state, BlockState.CUT);
  block.begin();
  block.continue();
  append(block, "new");
  assert.ok(kept(block).endsWith("new"));
  assert.equal(block.state, BlockState.OPEN);
});

Deno.test("a block of which a part is missing holds nothing, and takes nothing more until the next begins", () => {
  const block = new HeaderBlock(1000, 100);
  block.begin();
  append(block, "abc");
  block.lose();
  append(block, "def");
  assert.equal(block.state, BlockState.LOST);
  assert.equal(block.bytes.length + block.lengthBytes, 0);
  block.close();
  block.begin();
  append(block, "new");
  assert.equal(kept(block), "new");
});

Deno.test("between blocks there is nothing to lose, and nothing is held", () => {
  const block = new HeaderBlock(1000, 100);
  block.lose();
  assert.equal(block.state, BlockState.CLOSED);
  block.begin();
  append(block, "abc");
  block.close();
  assert.equal(block.state, BlockState.CLOSED);
  assert.equal(block.bytes.length, 0);
});
