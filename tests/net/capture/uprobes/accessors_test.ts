// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import {
  addressTaken,
  gnutlsFacts,
  isForwarded,
  opensslFacts,
} from "../../../../net/capture/uprobes/accessors.ts";

const code = (hex: string) => Uint8Array.fromHex(hex.replaceAll(" ", ""));

Deno.test("a field whose address is taken is known where it is the only one", () => {
  const copy = "48 89 f1 b8 20 00 00 00 48 85 d2 74 5a 48 39 c2 48 8d b7 60 01 00 00";
  assert.equal(addressTaken(code(copy)), 0x160);
  assert.equal(addressTaken(code(`${copy} 48 8d 8f 80 01 00 00`)), undefined);
  assert.equal(addressTaken(code("48 39 c2 4c 8d 87 88 01 00 00")), 0x188, "into R8");
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

Deno.test("sessions of a library that has other kinds are told apart by their type", () => {
  const facts = (isServer: string) =>
    opensslFacts((name) => name === "SSL_is_server" ? code(isServer) : undefined);
  assert.deepEqual(facts("8b 47 38 c3").role, { offset: 0x38, serverMask: 0xffff_ffff, clientMask: 0 });
  assert.equal(facts("8b 47 38 c3").type, undefined);
  assert.equal(facts("8b 07 85 c0 74 01 c3 8b 47 78 c3").type, 0);
  const boring = facts("0f b6 87 a4 00 00 00 83 e0 01 c3");
  assert.deepEqual(boring.role, { offset: 0xa4, serverMask: 1, clientMask: 0 });
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
