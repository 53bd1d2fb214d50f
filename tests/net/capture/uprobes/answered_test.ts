// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { fieldAnswered } from "../../../../net/capture/uprobes/answered.ts";

const code = (hex: string) => Uint8Array.fromHex(hex.replaceAll(" ", ""));
const word = (offset: number) => ({ offset, mask: 0xffff_ffff });

Deno.test("a function that answers a field of its first argument tells where it is", () => {
  assert.deepEqual(fieldAnswered(code("8b 47 38 31 ff c3")), word(0x38));
  assert.deepEqual(fieldAnswered(code("f3 0f 1e fa 8b 87 d0 04 00 00 c3")), word(0x4d0));
  assert.deepEqual(fieldAnswered(code("8b 07 31 ff c3")), word(0));
  assert.deepEqual(fieldAnswered(code("8b 47 38 83 e0 01 c3")), { offset: 0x38, mask: 1 });
  assert.deepEqual(fieldAnswered(code("0f b6 87 a4 00 00 00 83 e0 01 c3")), { offset: 0xa4, mask: 1 });
});

// As Debian's OpenSSL 3.5 and 3.6 have them.
const IS_SERVER =
  "f3 0f 1e fa 48 85 ff 74 47 8b 07 85 c0 74 21 a8 80 74 3d 48 83 ec 08 e8 f4 63 03 00 48 85 c0 74 " +
  "1f 8b 40 78 48 83 c4 08 31 ff c3 0f 1f 44 00 00 8b 47 78 31 ff c3";
const GET_SHUTDOWN = "f3 0f 1e fa 48 85 ff 74 27 8b 07 85 c0 75 11 8b 87 84 00 00 00 31 ff c3";

Deno.test("where a library has sessions of several types, that of TLS over TCP is followed", () => {
  assert.deepEqual(fieldAnswered(code(IS_SERVER)), { ...word(0x78), whereTyped: true });
  assert.deepEqual(fieldAnswered(code(GET_SHUTDOWN)), { ...word(0x84), whereTyped: true });
});

Deno.test("a function of another form tells nothing", () => {
  for (
    const other of [
      "", // none
      "8b 47", // cut off
      "8b 46 38 c3", // of the second argument
      "8b 4f 38 c3", // not answered
      "8b 47 f8 c3", // before the object
      "8b 47 38 31 c0 c3", // answers 0
      "48 8b 47 38 c3", // 64 bits
      "66 8b 47 38 c3", // 16 bits
      "8b 44 07 38 c3", // with an index
      "8b 05 38 00 00 00 c3", // of the program, not of the object
      "48 8b 47 30 8b 40 38 c3", // of another object
      "e8 00 00 00 00 c3", // another function answers
      "8b 47 04 85 c0 74 01 c3 8b 47 78 c3", // it depends on a field that is no type
      "8b 07 85 c0 78 01 c3 8b 47 78 c3", // on the type's sign
      "8b 07 31 ff 74 01 c3 8b 47 78 c3", // on what was not compared
      "48 85 ff 75 80", // away to somewhere before it
      "eb fe", // for ever
    ]
  ) assert.equal(fieldAnswered(code(other)), undefined, other);
});
