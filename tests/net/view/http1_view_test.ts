// SPDX-License-Identifier: MIT
/** HTTP/1 out of clear text: every exchange once, with its sizes and times, whatever pieces it comes in. */
import assert from "node:assert/strict";
import { ViewHarness } from "../../support/view_harness.ts";

const GET = "GET /a?b=1 HTTP/1.1\r\nHost: shop.example\r\n\r\n";
const OK = "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 5\r\n\r\nhello";

Deno.test("an exchange has method, target, host, status, type, sizes and times", () => {
  const harness = new ViewHarness();
  harness.open(1);
  harness.send(1, 0, "POST /p HTTP/1.1\r\nHost: shop.example:8443\r\nContent-Length: 3\r\n\r\nabc");
  harness.send(1, 1, OK.slice(0, -5));
  harness.send(1, 1, "hello");
  const [exchange] = harness.exchanges();
  const { method, target, host, status, type, requestBytes, responseBytes, version, cut } = exchange;
  assert.deepEqual({ method, target, host, status, type, requestBytes, responseBytes, version, cut }, {
    method: "POST",
    target: "/p",
    host: "shop.example:8443",
    status: 200,
    type: "text/plain",
    requestBytes: 3,
    responseBytes: 5,
    version: "HTTP/1.1",
    cut: "",
  });
  assert.equal(exchange.responseNs - exchange.startNs, 1e6);
  assert.equal(exchange.endNs - exchange.startNs, 2e6);
  assert.equal(exchange.flow.program, "program1");
  assert.equal(exchange.flow.server.port, 443);
});

Deno.test("a target is all between method and version, whatever is in it", () => {
  const harness = new ViewHarness();
  harness.open(1);
  for (const target of ["/a /../etc/passwd", "/ HTTP/1.1", "", " /b "]) {
    harness.send(1, 0, `GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`);
    harness.send(1, 1, OK);
  }
  assert.deepEqual(harness.exchanges().map(({ method, target }) => `${method}:${target}`), [
    "GET:/a /../etc/passwd",
    "GET:/ HTTP/1.1",
    "GET:",
    "GET: /b ",
  ]);
});

const CASES: Record<string, { toServer: string; toClient: string; lines: string[]; ends?: boolean }> = {
  "kept connections": {
    toServer: GET + GET,
    toClient: OK + OK,
    lines: ["GET /a?b=1 200 5", "GET /a?b=1 200 5"],
  },
  "chunks and trailers": {
    toServer: "PUT /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    toClient:
      "HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n2\r\nyo\r\n0\r\nX: y\r\n\r\n",
    lines: ["PUT /c 201 7"],
  },
  "a response to HEAD has no body": {
    toServer: "HEAD / HTTP/1.1\r\n\r\n" + GET,
    toClient: "HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n" + OK,
    lines: ["HEAD / 200 0", "GET /a?b=1 200 5"],
  },
  "interim responses": {
    toServer: GET,
    toClient: "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK,
    lines: ["GET /a?b=1 200 5"],
  },
  "a body that the connection ends": {
    toServer: "GET / HTTP/1.0\r\n\r\n",
    toClient: "HTTP/1.0 200 OK\r\n\r\nuntil the end",
    lines: ["GET / 200 13"],
    ends: true,
  },
  "no response": { toServer: GET, toClient: "", lines: ["GET /a?b=1 0 0 closed"], ends: true },
  "a body that is not whole": {
    toServer: GET,
    toClient: OK.slice(0, -2),
    lines: ["GET /a?b=1 200 3 closed"],
    ends: true,
  },
  "304 and 204 have no body": {
    toServer: GET + GET + GET,
    toClient: "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n" + OK,
    lines: ["GET /a?b=1 304 0", "GET /a?b=1 204 0", "GET /a?b=1 200 5"],
  },
  "a tunnel counts both ways": {
    toServer: "CONNECT a:443 HTTP/1.1\r\n\r\nxyz",
    toClient: "HTTP/1.1 200 OK\r\n\r\nhello",
    lines: ["CONNECT a:443 200 5"],
    ends: true,
  },
};

for (const [name, { toServer, toClient, lines, ends }] of Object.entries(CASES)) {
  Deno.test(`exchanges are the same however they are cut: ${name}`, () => {
    for (const size of [1, 2, 3, 7, 64, 100_000]) {
      const harness = new ViewHarness();
      harness.open(1);
      const isTunnel = toServer.startsWith("CONNECT");
      const pieces = (text: string, direction: 0 | 1) => {
        for (let at = 0; at < text.length; at += size) harness.send(1, direction, text.slice(at, at + size));
      };
      pieces(isTunnel ? toServer.slice(0, -3) : toServer, 0);
      pieces(toClient, 1);
      if (isTunnel) pieces(toServer.slice(-3), 0);
      if (ends) harness.close(1);
      assert.deepEqual(harness.lines(), lines, `pieces of ${size}`);
      assert.deepEqual(harness.failures, []);
    }
  });
}

Deno.test("bytes lost inside a body are counted in it, and what follows is read on", () => {
  const harness = new ViewHarness();
  harness.open(1);
  harness.send(1, 0, GET);
  harness.send(1, 1, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc");
  harness.gap(1, 1, 90);
  harness.send(1, 1, "defghij");
  harness.send(1, 0, GET);
  harness.send(1, 1, OK);
  assert.deepEqual(harness.lines(), ["GET /a?b=1 200 100 gap", "GET /a?b=1 200 5"]);
});

Deno.test("behind bytes of unknown meaning it goes on at the next head and says so", () => {
  const harness = new ViewHarness();
  harness.open(1);
  harness.send(1, 0, GET);
  harness.send(1, 1, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
  harness.gap(1, 1, 5000);
  harness.send(1, 1, "the rest of something");
  harness.gap(1, 0, 300);
  harness.send(1, 0, "GET /second HTTP/1.1\r\n\r\n");
  harness.send(1, 1, OK);
  assert.deepEqual(harness.lines(), ["GET /a?b=1 200 3 gap", "GET /second 200 5"]);
  assert.deepEqual(harness.exchanges()[1].remarks, ["resynced"]);
});

Deno.test("a request whose response was lost is told, and takes nobody else's", () => {
  const harness = new ViewHarness();
  harness.open(1);
  harness.send(1, 0, GET);
  harness.gap(1, 1, 400);
  harness.send(1, 0, "GET /second HTTP/1.1\r\n\r\n");
  harness.send(1, 1, OK);
  assert.deepEqual(harness.lines(), ["GET /a?b=1 0 0 gap", "GET /second 200 5"]);
});

Deno.test("a response whose request was lost, and a request whose response was, say so", () => {
  const harness = new ViewHarness();
  harness.open(1);
  harness.gap(1, 0, 40);
  harness.send(1, 1, OK);
  harness.send(1, 0, GET);
  harness.gap(1, 1, 400);
  harness.close(1);
  assert.deepEqual(harness.lines(), ["-  200 5 gap", "GET /a?b=1 0 0 gap"]);
  assert.deepEqual(harness.exchanges()[0].remarks, ["request-unseen", "resynced"]);
});

Deno.test("a connection that was there before is read from its next heads on", () => {
  const harness = new ViewHarness();
  harness.open(1, { late: true });
  harness.send(1, 1, "middle of a body");
  harness.send(1, 1, OK);
  harness.send(1, 0, GET);
  harness.send(1, 1, OK);
  assert.deepEqual(harness.lines(), ["-  200 5", "GET /a?b=1 200 5"]);
  assert.deepEqual(harness.exchanges()[0].remarks, ["request-unseen", "resynced"]);
});

Deno.test("a version in lower case is none, in whichever request", () => {
  const harness = new ViewHarness();
  harness.open(1);
  harness.send(1, 0, "GET /first http/1.1\r\n\r\n");
  harness.open(2);
  harness.send(2, 0, "GET /a HTTP/1.1\r\n\r\n");
  harness.send(2, 1, "HTTP/1.1 204 No Content\r\n\r\n");
  harness.send(2, 0, "GET /second http/1.1\r\n\r\n");
  for (const flow of [1, 2]) harness.close(flow);
  assert.deepEqual(harness.lines(), ["GET /a 204 0"]);
});

Deno.test("what is no HTTP is a flow with its bytes, and nothing of it is kept", () => {
  const harness = new ViewHarness();
  harness.open(1, { alpn: "" });
  harness.send(1, 1, "220 mail.example ESMTP\r\n");
  for (let turn = 0; turn < 100; turn++) harness.send(1, 0, "RCPT TO:<a@example>\r\n");
  harness.close(1);
  assert.deepEqual(harness.exchanges(), []);
  const end = harness.entries.at(-1)!;
  assert.ok(end.kind === "flow end" && !end.isHttp);
  assert.deepEqual([end.toServer, end.toClient], [2100, 24]);
});

Deno.test("an endless head does not grow without bound", () => {
  const harness = new ViewHarness();
  harness.open(1);
  harness.send(1, 0, "GET / HTTP/1.1\r\n");
  const line = `X: ${"x".repeat(4000)}\r\n`;
  for (let turn = 0; turn < 400; turn++) harness.send(1, 0, line);
  harness.send(1, 0, GET);
  harness.send(1, 1, OK);
  assert.deepEqual(harness.lines(), ["GET /a?b=1 200 5"]);
});
