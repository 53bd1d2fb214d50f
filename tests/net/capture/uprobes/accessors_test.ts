// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import {
  addressTaken,
  fieldAnswered,
  gnutlsFacts,
  isForwarded,
  opensslFacts,
} from "../../../../net/capture/uprobes/accessors.ts";

const code = (hex: string) => Uint8Array.fromHex(hex.replaceAll(" ", ""));

Deno.test("a function that answers one 32-bit field of its first argument tells its offset", () => {
  assert.equal(fieldAnswered(code("8b 47 38 31 ff c3")), 0x38);
  assert.equal(fieldAnswered(code("f3 0f 1e fa 8b 87 d0 04 00 00 c3")), 0x4d0);
  assert.equal(fieldAnswered(code("8b 07 31 ff c3")), 0);
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
      "8b 47 38 83 e0 01 c3", // one bit of it
      "48 8b 47 38 c3", // 64 bits
    ]
  ) assert.equal(fieldAnswered(code(other)), undefined, other);
});

Deno.test("a field whose address is taken is known where it is the only one", () => {
  const copy = "48 89 f1 b8 20 00 00 00 48 85 d2 74 5a 48 39 c2 48 8d b7 60 01 00 00";
  assert.equal(addressTaken(code(copy)), 0x160);
  assert.equal(addressTaken(code(`${copy} 48 8d 8f 80 01 00 00`)), undefined);
});

Deno.test("a client random is known where the server's stands beside it", () => {
  const facts = (client: string, server: string) =>
    opensslFacts((name) =>
      name === "SSL_get_client_random"
        ? code(client)
        : name === "SSL_get_server_random"
        ? code(server)
        : undefined
    ).clientRandom;
  assert.equal(facts("48 8d b7 60 01 00 00", "48 8d b7 40 01 00 00"), 0x160);
  assert.equal(facts("48 8d b7 60 01 00 00", "48 8d b7 48 01 00 00"), undefined);
  assert.equal(facts("48 8d b7 60 01 00 00", ""), undefined);
});

Deno.test("GnuTLS's randoms are known where one is 32 bytes behind the other", () => {
  const random = "48 85 f6 74 0e 48 8d 47 50 c7 46 08 20 00 00 00 48 89 06 48 85 d2 74 0e 48 83 c7";
  assert.equal(gnutlsFacts(() => code(`${random} 70`)).clientRandom, 0x50);
  assert.equal(gnutlsFacts(() => code(`${random} 78`)).clientRandom, undefined);
  assert.equal(gnutlsFacts(() => undefined).clientRandom, undefined);
});

Deno.test("a function that only jumps to another one is known", () => {
  assert.ok(isForwarded(code("45 31 c0 31 c9 e9 86 9c ff ff")));
  assert.ok(isForwarded(code("f3 0f 1e fa e9 86 9c ff ff")));
  assert.ok(!isForwarded(code("48 83 ec 08 e8 86 9c ff ff")));
  assert.ok(!isForwarded(code("31 c8 e9 86 9c ff ff")));
  assert.ok(!isForwarded(undefined));
});
