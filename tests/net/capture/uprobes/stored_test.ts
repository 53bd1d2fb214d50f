// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { nameStored } from "../../../../net/capture/uprobes/stored.ts";

const code = (hex: string) => Uint8Array.fromHex(hex.replaceAll(" ", ""));

// SSL_get0_alpn_selected of Debian's libraries.
const OPENSSL_3_0 =
  "48 8b 87 88 04 00 00 31 c9 48 89 06 48 85 c0 74 06 8b 8f 90 04 00 00 89 0a 31 c0 31 d2 31 c9 31 " +
  "f6 31 ff c3";
// As far as it is followed.
const OPENSSL_3_5 =
  "f3 0f 1e fa 53 48 89 d3 48 83 ec 10 48 85 ff 74 4f 8b 07 85 c0 74 1b a8 80 74 45 48 89 74 24 08 " +
  "e8 db 99 03 00 48 8b 74 24 08 48 85 c0 48 89 c7 74 2e 48 8b 87 b8 04 00 00 48 89 06 48 85 c0 74 " +
  "26 8b 87 c0 04 00 00 89 03 48 83 c4 10 5b 31 c0 31 d2 31 f6 31 ff c3 66 0f 1f 84 00 00 00 00 00 " +
  "48 c7 06 00 00 00 00 31 c0 89 03 48 83 c4 10 5b 31 c0 31 d2 31 f6 31 ff";
// In another structure.
const OPENSSL_1_1 =
  "48 8b 87 a8 00 00 00 48 c7 06 00 00 00 00 48 85 c0 74 1d 48 8b 88 e0 03 00 00 48 89 0e 48 85 c9 " +
  "74 0e 8b 80 e8 03 00 00 89 02 c3 0f 1f 44 00 00 31 c0 89 02 c3";
// Of which structure depends on the handshake.
const BORINGSSL =
  "48 8b 47 30 48 8b 88 10 01 00 00 48 85 c9 74 3c f6 81 19 06 00 00 08 74 33 f6 87 a4 00 00 00 01 " +
  "75 2a 48 8b 81 e0 05 00 00 48 8b 80 80 01 00 00 48 89 06 48 8b 47 30 48 8b 88 10 01 00 00 b8 88 " +
  "01 00 00 48 03 81 e0 05 00 00 eb 13 48 8b 80 e0 01 00 00 48 89 06 b8 e8 01 00 00 48 03 47 30 8b " +
  "00 89 02 c3";

Deno.test("where a function stores a name from is known, in the session or in what a pointer of it leads to", () => {
  assert.deepEqual(nameStored(code(OPENSSL_3_0)), { holder: undefined, name: 0x488, length: 0x490 });
  assert.deepEqual(nameStored(code(OPENSSL_3_5)), { holder: undefined, name: 0x4b8, length: 0x4c0 });
  assert.deepEqual(nameStored(code(OPENSSL_1_1)), { holder: 0xa8, name: 0x3e0, length: 0x3e8 });
});

Deno.test("a function of another form tells nothing", () => {
  for (
    const other of [
      BORINGSSL,
      "", // none
      "48 8b 47 10 48 89 06 c3", // no length
      "48 8b 47 10 48 89 06 8b 46 18 89 02 c3", // the length from elsewhere
      "48 8b 47 10 48 89 06 48 8b 4f 08 8b 41 18 89 02 c3", // in another holder
      "48 8b 47 10 48 89 46 08 8b 47 18 89 02 c3", // the name goes elsewhere
      "48 8b 47 10 48 89 06 8b 47 18 48 89 02 c3", // a length of 64 bits
      "48 8b 47 10 48 89 06 8b 44 07 18 89 02 c3", // with an index
      "48 8b 47 10 48 89 06 e8 00 00 00 00 8b 47 18 89 02 c3", // calls another
      "48 8b 47 10 48 89 06 85 c9 74 00 8b 47 18 89 02 c3", // jumps by what is not known
    ]
  ) assert.equal(nameStored(code(other)), undefined, other);
});

Deno.test("no code is followed out of its bytes or for ever", () => {
  for (const whole of [OPENSSL_3_0, OPENSSL_3_5, OPENSSL_1_1]) {
    for (let length = 0; length < code(whole).length; length++) {
      assert.doesNotThrow(() => nameStored(code(whole).subarray(0, length)));
    }
  }
  assert.equal(nameStored(code("eb fe")), undefined);
});
