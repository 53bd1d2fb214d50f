// SPDX-License-Identifier: MIT
/** What `--print` shows: lines for people, bodies as they can be read, and nothing of a peer's that a terminal would obey. */
import assert from "node:assert/strict";
import { padEnd, paintFor } from "../../cli/paint.ts";
import { RequestPrinter } from "../../cli/request_printer.ts";
import { ENCODINGS, latin1, message } from "../support/encoded_bodies.ts";
import { ViewHarness } from "../support/view_harness.ts";

type What = "requests" | "heads" | "bodies";

/** What is printed of what a harness has seen. */
function printed(harness: ViewHarness, what: What, showsSecrets = false): string {
  harness.view.flush();
  let text = "";
  const printer = new RequestPrinter({
    what,
    output: { write: (lines) => text += lines, dropped: 0, drained: async () => {}, close: async () => {} },
    paint: paintFor("never", false),
    showsSecrets,
  });
  printer.begin(1_700_000_000_000_000_000n);
  for (const entry of harness.entries) printer.take(entry);
  printer.flush();
  return text;
}

function exchange(request: string[], response: string[], body: Uint8Array = latin1("")): ViewHarness {
  const harness = new ViewHarness({ bodyBytes: 100_000 });
  harness.open(1);
  harness.send(1, 0, message(request));
  harness.send(1, 1, message(response, body));
  return harness;
}

const JSON_TYPE = "Content-Type: application/json";

Deno.test("an exchange is a line with time, program, method, status, size, duration, host, path and type", () => {
  const harness = exchange(
    ["GET /v1/items?page=1 HTTP/1.1", "Host: shop.example"],
    ["HTTP/1.1 200 OK", JSON_TYPE],
    latin1("[1]"),
  );
  const [, time, rest] = /^(\S+) (.*)\n$/.exec(printed(harness, "requests"))!;
  assert.match(time, /^\d\d:\d\d:\d\d\.\d{3}$/);
  assert.equal(
    rest,
    "program1[101]   GET  200  3 B       1.0 ms    shop.example /v1/items?page=1  application/json",
  );
});

Deno.test("what is no HTTP is a line when it ends", () => {
  const harness = new ViewHarness();
  harness.open(1, { alpn: "", sni: "db.internal" });
  harness.send(1, 1, "\0\x01\x02");
  harness.close(1);
  const line = printed(harness, "requests");
  assert.ok(line.endsWith(" program1[101]   raw  db.internal:443  0 B to server, 3 B to client\n"), line);
});

for (const [name, [coding, encode]] of Object.entries(ENCODINGS)) {
  Deno.test(`a body is shown decoded: ${name}`, () => {
    const body = encode(latin1('{"id":77,"list":[1,2]}'));
    const harness = exchange(["GET / HTTP/1.1"], [
      "HTTP/1.1 200 OK",
      JSON_TYPE,
      `Content-Encoding: ${coding}`,
    ], body);
    const text = printed(harness, "bodies");
    assert.ok(text.includes('< {\n<   "id": 77,\n'), text);
    assert.ok(text.includes(`(${body.length} bytes, `), text);
  });
}

Deno.test("a damaged or cut body is shown as far as it goes, with the reason", () => {
  const [coding, encode] = ENCODINGS.gzip;
  const body = encode(latin1("hello ".repeat(50)));
  const text = printed(
    exchange(["GET / HTTP/1.1"], ["HTTP/1.1 200 OK", `Content-Encoding: ${coding}`], body.subarray(0, -9)),
    "bodies",
  );
  assert.ok(text.includes("cut before its end"), text);
});

Deno.test("JSON has a line for each value, as it stands there", () => {
  const body = '{"a" : { } ,"b":[ {"c":"x,y:[]{}\\"z\\\\"} , -1.50e3,12345678901234567890],"b":[[]]}';
  const text = printed(exchange(["GET / HTTP/1.1"], ["HTTP/1.1 200 OK", JSON_TYPE], latin1(body)), "bodies");
  const lines = [
    ...["{", '  "a": {},', '  "b": [', "    {", '      "c": "x,y:[]{}\\"z\\\\"', "    },", "    -1.50e3,"],
    ...["    12345678901234567890", "  ],", '  "b": [', "    []", "  ]", "}"],
  ];
  assert.ok(text.includes(lines.map((line) => `< ${line}\n`).join("")), text);
});

Deno.test("JSON that nests deep is no longer than its lines, which are counted", () => {
  const body = latin1("[".repeat(3000) + "]".repeat(3000));
  const text = printed(exchange(["GET / HTTP/1.1"], ["HTTP/1.1 200 OK", JSON_TYPE], body), "bodies");
  assert.ok(text.includes("< … 5599 lines more\n"), text.slice(-100));
  assert.ok(text.length < 100_000, `${text.length} letters`);
});

Deno.test("binary bodies are a hex head, gRPC is told by message", () => {
  const binary = printed(
    exchange(["GET / HTTP/1.1"], ["HTTP/1.1 200 OK"], Uint8Array.from({ length: 600 }, (_, i) => i)),
    "bodies",
  );
  assert.ok(binary.includes("00000010  10 11 12 13 14"), binary);
  const grpc = printed(
    exchange(
      ["POST / HTTP/1.1"],
      ["HTTP/1.1 200 OK", "Content-Type: application/grpc"],
      latin1("\0\0\0\0\x02hi\x01\0\0\0\x03abc"),
    ),
    "bodies",
  );
  assert.ok(
    grpc.includes("gRPC message 1: 2 bytes\n") && grpc.includes("gRPC message 2: 3 bytes, compressed"),
    grpc,
  );
});

/** What moves a cursor, colours, titles a window, asks a terminal to answer, or turns the direction of text. */
const ORDERS: Record<string, string> = {
  "CSI": "\x1b[2J\x1b[31m",
  "OSC": "\x1b]0;title\x07",
  "OSC 52": "\x1b]52;c;aGk=\x1b\\",
  "DCS": '\x1bP$q"p\x1b\\',
  "APC and PM": "\x1b_x\x1b\\\x1b^y\x1b\\",
  "a C1 control": "\u009b31m\u0090\u009d",
  "C0 controls": "\b\b\x7f\x0e\x0f\x05\x00\v\f",
  "a carriage return": "\rfake",
  "bidi overrides": "\u202e\u2066\u200f\u061c",
  "line separators": "\u2028\u2029\u0085",
  "tags and zero widths": "\u200b\ufeff\u{e0041}",
};
/** Nothing but the line ends of the program itself may be left of all that. */
const OBEYED =
  // deno-lint-ignore no-control-regex
  /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\u{e0000}-\u{e007f}]/u;

for (const [name, order] of Object.entries(ORDERS)) {
  Deno.test(`no order of a peer reaches the terminal: ${name}`, () => {
    const harness = new ViewHarness({ bodyBytes: 1000 });
    harness.open(1, { sni: `a${order}b`, alpn: "http/1.1" });
    const encoded = new TextEncoder().encode(order);
    const raw = String.fromCharCode(...encoded);
    const bytes = (text: string) => latin1(text);
    harness.send(
      1,
      0,
      bytes(`GET /a${raw.replace(/[\r\n ]/g, "")}b HTTP/1.1\r\nHost: h${raw}x\r\nN${raw}: v${raw}\r\n\r\n`),
    );
    harness.send(
      1,
      1,
      bytes(
        `HTTP/1.1 200 O${raw}K\r\nContent-Type: t${raw}/x\r\nContent-Encoding: e${raw}\r\nContent-Length: ${raw.length}\r\n\r\n${raw}`,
      ),
    );
    harness.open(2, { sni: `a${order}b`, alpn: `x${order}` });
    harness.send(2, 1, bytes("no http"));
    harness.close(2);
    harness.close(1);
    for (const what of ["requests", "heads", "bodies"] as const) {
      const text = printed(harness, what, true);
      assert.ok(text.includes("200"), text);
      assert.doesNotMatch(text, OBEYED, `${what}: ${JSON.stringify(text)}`);
    }
  });
}

const SECRETS = [
  "Authorization: Bearer s3cret",
  "Cookie: sid=s3cret",
  "X-Api-Key: s3cret",
  "X-Auth-Token: s3cret",
  "Proxy-Authorization: Basic s3cret",
  "X-CSRF-Token: s3cret",
  "Referer: https://a/?token=s3cret",
];

Deno.test("secrets are hidden unless they are asked for", () => {
  const harness = exchange(
    ["GET /a?access_token=s3cret&x=1 HTTP/1.1", ...SECRETS],
    ["HTTP/1.1 302 Found", "Set-Cookie: sid=s3cret; Path=/", "Location: /?code=s3cret"],
  );
  for (const what of ["requests", "heads", "bodies"] as const) {
    assert.doesNotMatch(printed(harness, what), /s3cret/, what);
  }
  assert.match(printed(harness, "heads"), /Authorization: ‹hidden, --show-secrets›/);
  assert.equal(printed(harness, "heads", true).match(/s3cret/g)?.length, 10);
});

Deno.test("wide letters take two columns", () => {
  assert.equal(padEnd("日本", 6), "日本  ");
  assert.equal(padEnd("e\u0301", 3), "e\u0301  ");
});
