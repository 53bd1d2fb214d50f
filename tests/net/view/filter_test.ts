// SPDX-License-Identifier: MIT
/** The filter language: what it chooses, and how it says what is wrong. */
import assert from "node:assert/strict";
import { BadFilter } from "../../../net/filter/expression.ts";
import { parseFilter } from "../../../net/view/filter.ts";
import { ViewHarness } from "../../support/view_harness.ts";

function entry() {
  const harness = new ViewHarness();
  harness.open(1, { sni: "Shop.example" });
  harness.send(1, 0, "GET /cart?x=1 HTTP/1.1\r\nHost: Shop.example\r\n\r\n");
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
  'type == "text/html" and version == "1.1"': true,
  'client == "10.0.0.1" and server == "10.0.0.2" and port == 443': true,
  "pid == -1": false,
  "sni": true,
  "!sni": false,
};

for (const [expression, holds] of Object.entries(HOLDS)) {
  Deno.test(`${expression} is ${holds}`, () => assert.equal(parseFilter(expression)(ENTRY), holds));
}

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
