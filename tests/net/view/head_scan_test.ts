// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { type Direction, TO_CLIENT, TO_SERVER } from "../../../codecs/direction.ts";
import { HeadScan, MethodKind, scannedCopy } from "../../../net/view/head_scan.ts";

/** All that a scan says, and where the head ends. */
function scan(direction: Direction, head: string) {
  const bytes = new TextEncoder().encode(head);
  const scan = new HeadScan();
  const headEnd = scan.read(direction, scannedCopy(bytes), 0, bytes.length);
  return { headEnd, ...scan };
}

const request = (...lines: string[]) => scan(TO_SERVER, ["GET / HTTP/1.1", ...lines, "", ""].join("\r\n"));

Deno.test("what a head says of the body behind it", () => {
  assert.partialDeepStrictEqual(request(), { contentLength: -1, isChunked: false, isAmbiguous: false });
  assert.partialDeepStrictEqual(request("CONTENT-length:\t 17 "), { contentLength: 17, isAmbiguous: false });
  assert.partialDeepStrictEqual(request("Content-Length: 17", "Content-Length: 17"), { isAmbiguous: false });
  assert.partialDeepStrictEqual(request("Content-Length: 17", "Content-Length: 18"), { isAmbiguous: true });
  assert.partialDeepStrictEqual(request("Content-Length: 1x"), { isAmbiguous: true });
  assert.partialDeepStrictEqual(request("Transfer-Encoding: gzip, chunked"), { isChunked: true });
  assert.partialDeepStrictEqual(request("Transfer-Encoding: chunked, gzip"), { isAmbiguous: true });
  assert.partialDeepStrictEqual(request("upgrade: WebSocket"), { upgradesToWebSocket: true });
  assert.partialDeepStrictEqual(request("Sec-WebSocket-Extensions: x"), {
    extensionsStart: 42,
    extensionsEnd: 43,
  });
  assert.partialDeepStrictEqual(scan(TO_SERVER, "HEAD / HTTP/1.1\n\n"), {
    headEnd: 17,
    method: MethodKind.HEAD,
  });
  assert.partialDeepStrictEqual(scan(TO_CLIENT, "HTTP/1.0 204 No\r\n\r\n"), { status: 204, isHttp10: true });
});

Deno.test("what frames a message to some readers, and not to others", () => {
  const isAmbiguous = (...lines: string[]) => request(...lines).isAmbiguous;
  for (const name of ["Content-Length", "transfer-encoding"]) {
    for (const blank of [" ", "\t", "\0", "\r"]) {
      assert.ok(isAmbiguous(`${name}${blank}: 0`), JSON.stringify(name + blank));
    }
    assert.ok(!isAmbiguous(`X-${name}: 0`) && !isAmbiguous(`${name}-X: 0`));
  }
  for (const value of ["xchunked", "chunked, chunked", "chunked,", "chunked;q=1", "chunked\0", "", "x"]) {
    assert.ok(isAmbiguous(`Transfer-Encoding: ${value}`), value);
  }
  for (const value of ["chunked", "Chunked \t", "gzip,chunked", "gzip ,\tchunked"]) {
    assert.partialDeepStrictEqual(request(`Transfer-Encoding:${value}`), {
      isChunked: true,
      isAmbiguous: false,
    });
  }
  assert.ok(isAmbiguous("Transfer-Encoding: chunked", "Transfer-Encoding: chunked"));
  assert.ok(isAmbiguous("Transfer-Encoding: gzip", "Transfer-Encoding: chunked"));
  assert.ok(isAmbiguous("Transfer-Encoding: chunked", "Content-Length: 5"));
  assert.ok(isAmbiguous("Content-Length: 5", "Transfer-Encoding: chunked"));
  assert.ok(scan(TO_CLIENT, "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").isAmbiguous);
});

Deno.test("a line that begins with a blank of either kind is folded: readers may differ about it", () => {
  assert.equal(request("Content-Length: 17", " 18").isAmbiguous, true);
  assert.equal(request("Content-Length: 17", "\t18").isAmbiguous, true);
  // In all but one bit the same.
  assert.equal(request("Content-Length: 17", ")18").isAmbiguous, false);
  assert.equal(request("Content-Length: 17", "\0").isAmbiguous, false);
});

Deno.test("a head without its end is none, nor one whose first line is of something else", () => {
  assert.equal(scan(TO_SERVER, "GET / HTTP/1.1\r\nHost: a\r\n").headEnd, 0);
  assert.equal(scan(TO_SERVER, "GET / HTTP/1.1\r\nHost: a\r\n\r").headEnd, 0);
  assert.equal(scan(TO_SERVER, "GET / HTTP/1.1\r\n").headEnd, 0);
  assert.equal(scan(TO_SERVER, "EHLO mail.example\r\n\r\n").headEnd, -1);
  assert.equal(scan(TO_CLIENT, "HTTP/1.1 2000 OK\r\n\r\n").headEnd, -1);
  assert.equal(scan(TO_CLIENT, "HTTP/1.1 200\n\n").headEnd, 14);
});
