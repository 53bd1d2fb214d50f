// SPDX-License-Identifier: MIT
/** The filter language: what it chooses, and how it says what is wrong. */
import assert from "node:assert/strict";
import { BadFilter } from "../../../net/filter/expression.ts";
import { type Filter, parseFilter, parseFilterFor } from "../../../net/view/filter.ts";
import { ViewHarness } from "../../support/view_harness.ts";

function entry(host = "Shop.example", target = "/cart?x=1") {
  const harness = new ViewHarness();
  harness.open(1, { sni: "Shop.example" });
  harness.send(1, 0, `GET ${target} HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  harness.send(1, 1, "HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\nContent-Length: 3\r\n\r\nabc");
  return harness.exchanges()[0];
}

const ENTRY = entry();
const HOLDS: Record<string, boolean> = {
  "status >= 400": true,
  "status == 404 and method == 'GET'": true,
  'status >= 400 and host contains "shop" and not program == "curl"': true,
  'not program == "program1"': false,
  'not (status == 404 or method == "PUT")': false,
  'status == 200 or path =~ "^/cart"': true,
  'host == "SHOP.example"': true,
  'host contains "SHOP"': true,
  'host =~ "^SHOP\\.\\w"': true,
  'host =~ "^\\Whop"': false,
  'path =~ "x=\\d$" and not path =~ "t\\.x"': true,
  "ms > 0.5 && ms < 1.5": true,
  "size != 3": false,
  "size < 1KiB and size > 0.002KiB and not size > 1m": true,
  "ms < 1.5s and ms > -1h": true,
  "status > 4e2": true,
  'type == "text/html" and version == "1.1"': true,
  'client == "10.0.0.1" and server == "10.0.0.2" and port == 443': true,
  'client == "10.0.0.0/8" and server != "10.0.0.0/31"': true,
  'server == "10.0.1.0/24" or server == "2001:db8::/32" or server == ""': false,
  'client == "10.0.*" and server =~ "2$"': true,
  'version == "1.?" and version != "2"': true,
  "pid == 4194305": false,
  'port contains "44" and status =~ "^4.4$" and ms =~ "^[\\de.-]+$"': true,
  'server contains "0.0" and server =~ "^10\\.|::" and client contains ""': true,
  'client contains "DB8:"': false,
  'type == "Text/HTML"': true,
  'program == "a program of a name that is long" or program == "systemd-timesyn*cd"': false,
  "sni": true,
  "!sni": false,
};

for (const [expression, holds] of Object.entries(HOLDS)) {
  Deno.test(`${expression} is ${holds}`, () => assert.equal(parseFilter(expression)(ENTRY), holds));
}

const HOSTS: Record<string, [host: string, holds: boolean]> = {
  'host == "localhost"': ["localhost:18443", true],
  'host == "localhost:18443"': ["localhost:18443", true],
  'host == "localhost:443"': ["localhost:18443", false],
  'host != "localhost"': ["localhost:18443", false],
  'host == "*.example"': ["Shop.example:8443", true],
  'host == "LOCAL*"': ["localhost", true],
  'host == "[::1]"': ["[::1]:8443", true],
  'host == "["': ["[::1]", false],
  'host =~ "localhost$"': ["localhost:18443", false],
};

for (const [expression, [host, holds]] of Object.entries(HOSTS)) {
  Deno.test(`of ${host}, ${expression} is ${holds}`, () =>
    assert.equal(parseFilter(expression)(entry(host)), holds));
}

Deno.test("a secret is found by a filter only where it is shown", () => {
  const found = (filter: Filter) => filter(entry("shop.example", "/cart?token=s3cret"));
  const expression = 'path contains "s3cret"';
  assert.equal(found(parseFilterFor(expression, { showsSecrets: true })), true);
  assert.equal(found(parseFilterFor(expression, { showsSecrets: false })), false);
  assert.equal(found(parseFilterFor('path contains "/cart?token="', { showsSecrets: false })), true);
});

const FIELDS =
  "program, pid, uid, host, port, sni, method, path, status, size, ms, type, client, server, version";
const MISTAKES: Record<string, [message: string, position: number]> = {
  "status >=": ["expected a value after >= at character 9", 9],
  "stat == 3": [`no field stat; there are ${FIELDS}`, 0],
  'path =~ "("': ["not a regular expression: /(/: unterminated group", 8],
  'path =~ "(a)\\1"': ["not a pattern that is found in one pass: it refers to a group", 8],
  'path =~ "(?=a)"': [
    "not a pattern that is found in one pass: it looks ahead or behind, or has modifiers",
    8,
  ],
  'path =~ "a{1001}"': [
    "not a pattern that is found in one pass: it is too long, with its repetitions written out",
    8,
  ],
  'status == "404"': ["status is a number", 10],
  "host == 3": ["host is a text, which stands in quotes", 8],
  "host == example": ["host is a text, which stands in quotes", 8],
  "size > 5parsecs": ["size is a number of bytes, such as 1000 or 64KiB", 7],
  'size > "1KiB"': ["size is a number of bytes, such as 1000 or 64KiB", 7],
  "ms > 1KiB": ["ms is a number of milliseconds, such as 500 or 1.5s", 5],
  "status > 4s": ["status is a number", 9],
  "status = 200": ['unexpected "=" at character 7, did you mean ==', 7],
  'version == "HTTP/2"': ["version is one of 1.0, 1.1, 2", 11],
  'host == "localhost" and server == "localhost"': [
    'expected an address or a network such as 10.0.0.0/8, got "localhost"',
    34,
  ],
  'server != "10.0.0.0/33"': [
    'expected an address or a network such as 10.0.0.0/8, got "10.0.0.0/33"',
    10,
  ],
  'server contains "10.0.0.0/8"': [
    'server never contains "10.0.0.0/8"; a network is asked for by server == "10.0.0.0/8"',
    16,
  ],
  'client =~ "^10.0.0.0/8"': ['client never matches "^10.0.0.0/8"; it is an address', 10],
  'server == "local*"': ['server is never "local*"; it is an address', 10],
  'host == "10.0.0.0/8"': [
    'host is never "10.0.0.0/8"; a network is asked for by server == "10.0.0.0/8"',
    8,
  ],
  'sni contains "2001:db8::/32"': [
    'sni never contains "2001:db8::/32"; a network is asked for by server == "2001:db8::/32"',
    13,
  ],
  'not sni == "example.org:8443"': [
    'sni is never "example.org:8443"; the name in a ClientHello has no port: "example.org" and port == 8443',
    11,
  ],
  'program != "systemd-timesyncd"': [
    'program is never "systemd-timesyncd"; of a program\'s name the kernel keeps 15 characters: "systemd-timesyn"',
    11,
  ],
  'type == "text/html; charset=utf-8"': [
    'type is never "text/html; charset=utf-8"; a media type is known without parameters: "text/html"',
    8,
  ],
  'port == "443"': ["port is a number", 8],
  'port contains "https"': ['port never contains "https"; it is a number', 14],
  "port == 70000": ["port is a whole number from 0 to 65535", 8],
  "status > 999": ["status is a whole number from 0 to 999", 9],
  "status == 40.4": ["status is a whole number from 0 to 999", 10],
  "pid < 0": ["pid is a whole number from 0 on", 6],
  "uid == -1": ["uid is a whole number from 0 on", 7],
  "size <= -1KiB": ["size is a whole number from 0 on", 8],
  "status + 1 == 3": [`expected a field: ${FIELDS}`, 0],
  "status == 404 method": ["expected and, or, or the end", 14],
  "": ["expected a condition such as status >= 400", 0],
  "f(1)": ["expected a condition such as status >= 400", 0],
  "constructor == 1": [`no field constructor; there are ${FIELDS}`, 0],
};

for (const [expression, [message, position]] of Object.entries(MISTAKES)) {
  Deno.test(`${JSON.stringify(expression)} is a mistake: ${message.slice(0, 40)}`, () => {
    assert.throws(() => parseFilter(expression), (error: unknown) => {
      assert.ok(error instanceof BadFilter);
      assert.deepEqual([error.message, error.position], [message, position]);
      assert.equal(error.caret.split("\n")[1], `${" ".repeat(position)}^`);
      return true;
    });
  });
}

Deno.test("an expression that nests without end is refused, and one that is long enough is not run out of stack", () => {
  assert.throws(() => parseFilter(`${"(".repeat(5000)}status${")".repeat(5000)}`), BadFilter);
  assert.ok(parseFilter(`${"not ".repeat(1000)}sni`)(ENTRY));
});
