// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import tls from "node:tls";
import { serverNameIn } from "../../../net/wire/client_hello.ts";
import { awaited } from "../../support/until.ts";

/** The ClientHello of the runtime's own TLS. */
async function helloOf(servername: string | undefined): Promise<Uint8Array<ArrayBuffer>> {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  const client = tls.connect({ host: "127.0.0.1", port, servername, rejectUnauthorized: false });
  client.on("error", () => {});
  using connection = await awaited("a connection", listener.accept());
  const buffer = new Uint8Array(1 << 14);
  let length = 0;
  while (length < 5 || length < 5 + (buffer[3] << 8 | buffer[4])) {
    length += await awaited("a ClientHello", connection.read(buffer.subarray(length))) ?? assert.fail();
  }
  client.destroy();
  return buffer.slice(0, length);
}

const randomOf = (hello: Uint8Array) => hello.subarray(11, 43).toHex();

/** Where a text ends in it. */
const endOf = (hello: Uint8Array, text: string) =>
  new TextDecoder("latin1").decode(hello).indexOf(text) + text.length;

Deno.test("the server's name is in a ClientHello, and where that is cut off it is the same or unknown", async () => {
  const hello = await helloOf("shop.example.org");
  const random = randomOf(hello);
  assert.equal(serverNameIn(hello, random), "shop.example.org");
  // Extensions stand in no fixed order.
  const end = endOf(hello, "shop.example.org");
  assert.equal(serverNameIn(hello.subarray(0, end), random), "shop.example.org");
  for (let length = 0; length < hello.length; length++) {
    const name = serverNameIn(hello.subarray(0, length), random);
    assert.ok(name === undefined || name === "shop.example.org", `${length} bytes: ${name}`);
  }
});

Deno.test("a ClientHello without a server's name, or of another random, tells none", async () => {
  const without = await helloOf("");
  assert.equal(serverNameIn(without, randomOf(without)), undefined);
  const other = await helloOf("shop.example.org");
  assert.equal(serverNameIn(other, randomOf(without)), undefined);
  assert.equal(serverNameIn(new Uint8Array(), randomOf(other)), undefined);
});

Deno.test("a server's name that could not be one is none", async () => {
  const hello = await helloOf("shop.example.org");
  const random = randomOf(hello);
  const end = endOf(hello, "shop.example.org");
  for (const byte of [0x00, 0x0a, 0x1b, 0x20, 0x7f, 0xe4]) {
    hello[end - 4] = byte;
    assert.equal(serverNameIn(hello, random), undefined, `${byte}`);
  }
});

Deno.test("whatever stands in a ClientHello, reading it ends", async () => {
  const hello = await helloOf("shop.example.org");
  const random = randomOf(hello);
  for (let at = 43; at < hello.length; at++) {
    for (const byte of [0, 1, 0x7f, 0xff]) {
      const changed = hello.slice();
      changed[at] = byte;
      serverNameIn(changed, random);
    }
  }
});
