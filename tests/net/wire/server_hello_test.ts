// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { serverHelloIn } from "../../../net/wire/server_hello.ts";

const number = (value: number) => [value >> 8, value & 255];
const extension = (
  type: number,
  content: number[],
) => [...number(type), ...number(content.length), ...content];
const name = (text: string) => [text.length, ...new TextEncoder().encode(text)];
const names = (...all: string[]) => {
  const list = all.flatMap(name);
  return [...number(list.length), ...list];
};

/** A record with a ServerHello, and behind it the beginning of another message. */
function record(cipherSuite: number, extensions: number[] | undefined): Uint8Array {
  const body = [
    ...[3, 3, ...Array(32).fill(0xaa), 4, 1, 2, 3, 4],
    ...number(cipherSuite),
    0,
    ...(extensions ? [...number(extensions.length), ...extensions] : []),
  ];
  const message = [2, 0, ...number(body.length), ...body, 11, 0];
  return Uint8Array.of(0x16, 3, 3, ...number(message.length), ...message);
}

const RENEGOTIATION = extension(0xff01, [0]);
const OLD = record(0xc02f, [...RENEGOTIATION, ...extension(16, names("h2"))]);
const NEW = record(0x1302, [...extension(51, Array(36).fill(7)), ...extension(43, [3, 4])]);

Deno.test("version, cipher suite and protocol of TLS 1.2 are in a ServerHello", () => {
  assert.deepEqual(serverHelloIn(OLD), { tlsVersion: 0x0303, cipherSuite: 0xc02f, alpn: "h2" });
  const without = record(0xc02f, RENEGOTIATION);
  assert.deepEqual(serverHelloIn(without), { tlsVersion: 0x0303, cipherSuite: 0xc02f, alpn: "" });
});

Deno.test("TLS 1.3 is known by its extension, and says no protocol", () => {
  assert.deepEqual(serverHelloIn(NEW), { tlsVersion: 0x0304, cipherSuite: 0x1302, alpn: "" });
});

Deno.test("what is cut off says no more than it has, and never another version", () => {
  for (const whole of [OLD, NEW]) {
    const { tlsVersion, cipherSuite, alpn } = serverHelloIn(whole)!;
    for (let length = 0; length < whole.length; length++) {
      const hello = serverHelloIn(whole.subarray(0, length));
      if (hello === undefined) continue;
      assert.ok([0, tlsVersion].includes(hello.tlsVersion), `${length} bytes`);
      assert.equal(hello.cipherSuite, cipherSuite);
      assert.ok(["", alpn].includes(hello.alpn), `${length} bytes`);
    }
  }
});

Deno.test("a protocol that cannot be one is none, and what would break a line is not shown", () => {
  const alpnOf = (content: number[]) => serverHelloIn(record(1, extension(16, content)))!.alpn;
  assert.equal(alpnOf(names("h2", "http/1.1")), "");
  assert.equal(alpnOf([0, 3, 9, 104, 50]), "");
  assert.equal(alpnOf([]), "");
  assert.equal(alpnOf(names("a\nb")), "a_b");
});

Deno.test("what is no ServerHello says nothing", () => {
  for (const at of [0, 5, 9]) {
    const other = OLD.slice();
    other[at] ^= 1;
    assert.equal(serverHelloIn(other), undefined);
  }
});
