// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { detectHttp2 } from "../../../codecs/http2to1/detect.ts";
import {
  bytesOf,
  clientStart,
  data,
  headers,
  join,
  request,
  serverStart,
} from "../../support/http2_frames.ts";
import { withSeed } from "../../support/random.ts";

const none = new Uint8Array();
const probe = (
  { alpn = "", late = false, toServer = none, toClient = none, final = false }: {
    alpn?: string;
    late?: boolean;
    toServer?: Uint8Array;
    toClient?: Uint8Array;
    final?: boolean;
  },
) =>
  detectHttp2({
    flow: { alpn, sni: "", isServer: false, serverPort: 443, joinedLate: late },
    toServer,
    toClient,
    final,
  });

Deno.test("by ALPN", () => {
  assert.equal(probe({ alpn: "h2" }), "accept");
  assert.equal(probe({ alpn: "http/1.1", toServer: bytesOf("GET / HTTP/1.1\r\n") }), "reject");
  assert.equal(probe({ alpn: "postgresql", toServer: Uint8Array.of(0, 0, 0, 8) }), "reject");
});

Deno.test("by preface, at every length", () => {
  const start = clientStart();
  for (let length = 0; length < 24; length++) {
    assert.equal(probe({ toServer: start.subarray(0, length) }), "more");
    assert.equal(probe({ toServer: start.subarray(0, length), final: true }), "reject");
    const wrong = start.slice(0, length + 1);
    wrong[length] ^= 1;
    assert.equal(probe({ toServer: wrong }), "reject");
  }
  assert.equal(probe({ toServer: start.subarray(0, 24), final: true }), "accept");
});

Deno.test("HTTP/1.1 by ALPN, but the preface: the server's first bytes decide", () => {
  const agreed = { alpn: "http/1.1", toServer: clientStart() };
  assert.equal(probe({ ...agreed, toServer: clientStart().subarray(0, 10) }), "more");
  assert.equal(probe(agreed), "more");
  for (let length = 1; length < 9; length++) {
    assert.equal(probe({ ...agreed, toClient: serverStart().subarray(0, length) }), "more");
  }
  assert.equal(probe({ ...agreed, toClient: serverStart() }), "accept");
  assert.equal(probe({ ...agreed, toClient: bytesOf("HTTP/1.1 400 Bad Request\r\n") }), "reject");
  assert.equal(probe({ ...agreed, toClient: Uint8Array.of(0), final: true }), "reject");
  assert.equal(probe({ ...agreed, final: true }), "accept");
  assert.equal(probe({ ...agreed, late: true, toClient: serverStart() }), "reject");
});

Deno.test("servers that speak first are not held back, but for SETTINGS", () => {
  assert.equal(probe({ toClient: bytesOf("220 mail ready\r\n") }), "reject");
  assert.equal(probe({ toClient: serverStart() }), "more");
  assert.equal(probe({ toClient: serverStart().subarray(0, 3) }), "more");
});

Deno.test("HTTP/1.1, PostgreSQL and random bytes are let go", () => {
  assert.equal(probe({ toServer: bytesOf("GET / HTTP/1.1\r\n") }), "reject");
  assert.equal(probe({ toServer: bytesOf("POST / HTTP/1.1\r\n") }), "reject");
  assert.equal(probe({ toServer: Uint8Array.of(0, 0, 0, 8, 4, 210, 22, 47) }), "reject");
  withSeed((random) => {
    for (let i = 0; i < 200; i++) {
      assert.equal(probe({ toServer: random.bytes(100), toClient: random.bytes(100) }), "reject");
      assert.equal(
        probe({ late: true, toServer: random.bytes(2000), toClient: random.bytes(2000), final: true }),
        "reject",
      );
    }
  });
});

Deno.test("a flow joined late: by its frames", () => {
  const frames = join(headers(7, request("GET", "/a")), data(7, "x"), data(7, "y"));
  assert.equal(probe({ late: true, toServer: frames }), "accept");
  assert.equal(probe({ late: true, toClient: join(bytesOf("tail of a body"), frames) }), "accept");
  assert.equal(
    probe({ late: true, toServer: bytesOf("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), final: true }),
    "reject",
  );
  assert.equal(probe({ late: true, alpn: "http/1.1", toServer: frames }), "reject");
});

Deno.test("names of ALPN that say nothing of the protocol: the bytes do, from the start or from within", () => {
  const frames = join(headers(7, request("GET", "/a")), data(7, "x"), data(7, "y"));
  for (const alpn of ["grpc-exp", "h2-14", "h2c", "spdy/3.1", "x"]) {
    assert.equal(probe({ alpn, toServer: clientStart() }), "accept", alpn);
    assert.equal(probe({ alpn, toServer: bytesOf("EHLO a\r\n") }), "reject", alpn);
    assert.equal(probe({ alpn, late: true, toServer: frames }), "accept", alpn);
    assert.equal(probe({ alpn, late: true, toClient: join(bytesOf("tail"), frames) }), "accept", alpn);
    assert.equal(probe({ alpn, late: true, toServer: frames.subarray(0, 20) }), "more", alpn);
    assert.equal(probe({ alpn, late: true, toServer: bytesOf("EHLO a\r\n"), final: true }), "reject", alpn);
  }
});
