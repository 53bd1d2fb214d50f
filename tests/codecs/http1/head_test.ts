// SPDX-License-Identifier: MIT
import { FieldList } from "../../../codecs/http/field_list.ts";
import assert from "node:assert/strict";
import fc from "fast-check";
import { ByteWriter } from "../../../codecs/http1/byte_writer.ts";
import { MAX_FIELDS, MAX_LINE_BYTES } from "../../../codecs/http1/field_lines.ts";
import {
  requestKind,
  writeInterimFields,
  writeRequestHead,
  writeResponseHead,
  writeTrailers,
} from "../../../codecs/http1/head.ts";
import { addFields, Counts, requestHead, responseHead } from "../../support/field_list.ts";
import { bytesOf, type Fields, request, response, textOf } from "../../support/http2_frames.ts";

function requestText(fields: Fields, pushed = false) {
  const out = new ByteWriter(1);
  const counts = new Counts();
  const head = requestHead(fields);
  const facts = writeRequestHead(out, head, requestKind(head), counts.count, pushed);
  return { text: textOf(out.view()), facts, counts };
}

function responseText(fields: Fields, upgraded?: string, interim?: string, interimLeftOut = 0) {
  const out = new ByteWriter(1);
  const counts = new Counts();
  const bytes = (text?: string) => text === undefined ? undefined : bytesOf(text);
  const before = { interim: bytes(interim), interimLeftOut };
  const facts = writeResponseHead(out, responseHead(fields), bytes(upgraded), before, counts.count);
  return { text: textOf(out.view()), facts, counts };
}

function trailersText(fields: Fields) {
  const out = new ByteWriter(1);
  const counts = new Counts();
  const facts = writeTrailers(out, addFields(new FieldList(), fields), counts.count);
  return { text: textOf(out.view()), facts, counts };
}

const EXTENDED = (protocol: string): Fields => [
  [":method", "CONNECT"],
  [":protocol", protocol],
  [":scheme", "https"],
  [":path", "/chat"],
  [":authority", "example.test"],
];

Deno.test("a request's head, byte for byte, without the empty line", () => {
  const { text, facts, counts } = requestText(
    request("POST", "/a?b", ["content-type", "a/b"], ["content-length", "5"], ["cookie", "a"], [
      "cookie",
      "b",
    ]),
  );
  assert.equal(text, "POST /a?b HTTP/1.1\r\nHost: example.test\r\nContent-Type: a/b\r\nCookie: a; b\r\n");
  assert.deepEqual(facts, {
    declaredLength: 5,
    claim: "x-sslcollector-content-length: 5\r\n",
    expects: false,
    apart: "",
    fieldCount: 3,
    repeatedFields: 0,
  });
  assert.equal(counts.size, 0);
});

Deno.test("how a request is carried: by its method, and by its protocol", () => {
  const kind = (fields: Fields) => requestKind(requestHead(fields));
  assert.equal(kind(request("GET", "/")), "ordinary");
  assert.equal(kind(request("head", "/")), "ordinary");
  assert.equal(kind(request("HEAD", "/")), "head");
  assert.equal(kind([[":method", "CONNECT"], [":authority", "h:1"]]), "connect");
  for (const protocol of ["websocket", "webtransport", "connect-udp", "connect-ip"]) {
    assert.equal(kind(EXTENDED(protocol)), "upgrade");
  }
  for (const protocol of ["h2c", "WebSocket", "x"]) assert.equal(kind(EXTENDED(protocol)), "extended");
});

Deno.test("CONNECT has its authority as target; an extended one is a GET, an upgrade where parsers know it", () => {
  assert.equal(
    requestText([[":method", "CONNECT"], [":authority", "h:443"]]).text,
    "CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n",
  );
  assert.equal(
    requestText(EXTENDED("websocket")).text,
    "GET /chat HTTP/1.1\r\nHost: example.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n",
  );
  assert.equal(
    requestText(EXTENDED("h2 c")).text,
    "GET /chat HTTP/1.1\r\nHost: example.test\r\nx-sslcollector-protocol: h2_c\r\n",
  );
});

Deno.test("a word that may be another protocol's stands behind an empty line, on a lane of its own", () => {
  const { text, facts, counts } = requestText(request("EHLO", "/"));
  assert.ok(text.startsWith("\r\nEHLO / HTTP/1.1\r\n"));
  assert.equal(facts.apart, "unknown-method");
  assert.equal(counts.get("unknown-method"), 1);
});

Deno.test("targets that are no path get one, but for the asterisk of OPTIONS", () => {
  const target = (method: string, path: string) => requestText(request(method, path)).text.split(" ")[1];
  assert.equal(target("GET", ""), "/");
  assert.equal(target("GET", "x"), "/x");
  assert.equal(target("OPTIONS", "*"), "*");
  assert.equal(target("GET", "*"), "/*");
  assert.equal(requestText(request("GET", "")).counts.get("empty-target"), 1);
  assert.equal(requestText(request("GET", "x")).counts.get("target-not-origin-form"), 1);
});

Deno.test("the authority is the Host; a host field that differs is renamed, one of its value left out", () => {
  const hosts = (...hosts: string[]) =>
    requestText(request("GET", "/", ...hosts.map((host) => ["host", host] as const))).text.split("\r\n")
      .slice(1, -1);
  assert.deepEqual(hosts("EXAMPLE.test"), ["Host: example.test"]);
  assert.deepEqual(hosts("other"), ["Host: example.test", "x-sslcollector-host: other"]);
  const without = requestText([[":method", "GET"], [":scheme", "https"], [":path", "/"], ["host", "a"], [
    "host",
    "b",
  ]]);
  assert.equal(without.text, "GET / HTTP/1.1\r\nHost: a\r\nx-sslcollector-host: b\r\n");
});

Deno.test("lines that a parser does not read take their message to a lane of its own", () => {
  const long = "v".repeat(MAX_LINE_BYTES);
  assert.equal(requestText(request("GET", `/${long}`)).facts.apart, "long-target");
  const [method, scheme, , path] = request("GET", "/");
  assert.equal(requestText([method, scheme, [":authority", long], path]).facts.apart, "long-host");
  const many = Array.from({ length: MAX_FIELDS }, (_, i) => [`x${i}`, ""] as const);
  assert.equal(requestText(request("GET", "/", ...many.slice(1))).facts.apart, "");
  assert.equal(requestText(request("GET", "/", ...many)).facts.apart, "many-fields");
  assert.equal(
    requestText(request("GET", "/", ["authorization", "Basic x"])).facts.apart,
    "undecodable-basic",
  );
});

Deno.test("what would change the framing is left out, what waits for an answer is told", () => {
  const { text, facts, counts } = requestText(
    request("GET", "/", ["transfer-encoding", "chunked"], ["upgrade", "h2c"], ["expect", "100-continue"], [
      "",
      "x",
    ]),
  );
  assert.equal(text, "GET / HTTP/1.1\r\nHost: example.test\r\nExpect: 100-continue\r\n");
  assert.ok(facts.expects);
  assert.deepEqual([...counts], [["connection-field-left-out", 2], ["empty-field-name", 1]]);
});

Deno.test("a promised request is marked", () => {
  assert.match(requestText(request("GET", "/"), true).text, /\r\nx-sslcollector-pushed: 1\r\n$/);
});

Deno.test("method and target that were lost have placeholders that no peer sends", () => {
  const head = requestHead(request("GET", "/"));
  head.method = head.target = head.authority = -1;
  const out = new ByteWriter();
  writeRequestHead(out, head, "ordinary", () => {});
  assert.equal(textOf(out.view()), "UNKNOWN /x-sslcollector-unknown HTTP/1.1\r\n");
});

Deno.test("a response's head: its status and phrase, or 999 where it was lost", () => {
  assert.equal(
    responseText(response(404, ["server", "x"])).text,
    "HTTP/1.1 404 Not Found\r\nServer: x\r\n",
  );
  assert.equal(responseText(response("abc")).text, "HTTP/1.1 999 Unassigned\r\n");
});

Deno.test("the response that accepts an upgrade is a 101 for its protocol", () => {
  assert.equal(
    responseText(response(200, ["a", "b"]), "websocket").text,
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nA: b\r\n",
  );
});

Deno.test("fields of interim responses are lines of the final one, and count as repeated", () => {
  const out = new ByteWriter();
  const counts = new Counts();
  writeInterimFields(out, responseHead(response(103, ["link", "</a>"], ["", "x"])), counts.count);
  const lines = textOf(out.view());
  assert.equal(lines, "x-sslcollector-103-link: </a>\r\n");
  assert.deepEqual([...counts], [["empty-field-name", 1]]);
  const { text, facts } = responseText(response(200, ["a", "b"]), undefined, lines.repeat(2));
  assert.equal(text, `HTTP/1.1 200 OK\r\nA: b\r\n${lines}${lines}`);
  assert.deepEqual([facts.fieldCount, facts.repeatedFields], [3, 2]);
  assert.equal(
    responseText(response(200), undefined, lines, 7).text,
    `HTTP/1.1 200 OK\r\nx-sslcollector-interim-elided: 7\r\n${lines}`,
  );
});

Deno.test("trailers that say how to read a message, or whose it is, are renamed; all count as repeated", () => {
  const { text, facts, counts } = trailersText([
    ["grpc-status", "0"],
    ["content-length", "7"],
    ["content-encoding", "gzip"],
    ["host", "h"],
    ["authorization", "Basic x"],
    ["x-sslcollector-a", "b"],
    ["transfer-encoding", "chunked"],
    [":path", "/"],
    ["", "x"],
  ]);
  assert.equal(
    text,
    "Grpc-Status: 0\r\nx-sslcollector-content-length: 7\r\nx-sslcollector-content-encoding: gzip\r\n" +
      "x-sslcollector-host: h\r\nx-sslcollector-authorization: Basic x\r\nx-sslcollector-peer-a: b\r\n",
  );
  assert.deepEqual([facts.fieldCount, facts.repeatedFields], [6, 6]);
  assert.equal(counts.get("pseudo-header-in-trailers"), 1);
});

Deno.test("whatever bytes fields have, every line is a name, a colon and a value that ends nothing", () => {
  const text = fc.string({ unit: "binary", maxLength: 30 }).map((text) =>
    text.replace(/[^\0-\xff]/g, "\xff")
  );
  const regular = text.filter((name) => !name.startsWith(":"));
  fc.assert(fc.property(fc.array(fc.tuple(regular, text), { maxLength: 20 }), text, (fields, path) => {
    const heads = [
      requestText(request("GET", path, ...fields)).text,
      responseText(response(200, ...fields)).text,
    ];
    for (const head of heads) {
      const [start, ...lines] = head.split("\r\n");
      assert.match(start, /^(GET [^\0- \x7f]+ HTTP\/1\.1|HTTP\/1\.1 200 OK)$/);
      assert.equal(lines.pop(), "");
      for (const line of lines) assert.match(line, /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+: [^\r\n\0]*$/);
      const names = lines.map((line) => line.slice(0, line.indexOf(":")).toLowerCase());
      assert.ok(names.filter((name) => name === "host").length <= 1);
      assert.ok(!names.includes("content-length") && !names.includes("transfer-encoding"));
    }
  }));
});
