// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { type Key, KeyReader } from "../../../cli/top/keys.ts";

const encoder = new TextEncoder();

function keysOf(text: string, pieceBytes = Infinity): Key[] {
  const reader = new KeyReader();
  const bytes = encoder.encode(text);
  const keys: Key[] = [];
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    keys.push(...reader.push(bytes.subarray(at, at + pieceBytes)));
  }
  return [...keys, ...reader.pause()];
}

const named = (name: string) => ({ name });

Deno.test("keys are what terminals send for them, in whatever pieces it comes", () => {
  const text = "a世\x1b[A\x1bOB\x1b[5~\x1b[3~\x1b[Z\x03\r\x7f\x1b[<64;10;5M\x1b[<65;1;1M?";
  const expected = [
    { letter: "a" },
    { letter: "世" },
    ...["up", "down", "page up", "delete", "back tab"].map(named),
    { control: "c" },
    ...["enter", "backspace", "wheel up", "wheel down"].map(named),
    { letter: "?" },
  ];
  for (const pieceBytes of [Infinity, 1, 2, 5]) assert.deepEqual(keysOf(text, pieceBytes), expected);
});

Deno.test("an ESC is a key when nothing follows, and what is no key of ours is none", () => {
  assert.deepEqual(keysOf("\x1b"), [{ name: "escape" }]);
  assert.deepEqual(keysOf("\x1b\x1b[A"), [{ name: "escape" }, { name: "up" }]);
  assert.deepEqual(keysOf("\x1b[15~\x1b[<0;3;4M\x1b[<0;3;4mx\x1ba"), [{ letter: "x" }]);
});

Deno.test("a sequence without end holds nothing up", () => {
  const keys = keysOf(`\x1b[${"1".repeat(100)}q`, 7);
  assert.deepEqual(keys[0], { name: "escape" });
  assert.deepEqual(keys.at(-1), { letter: "q" });
});
