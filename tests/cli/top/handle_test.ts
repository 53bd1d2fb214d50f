// SPDX-License-Identifier: MIT
/** What keys do with a screen. */
import assert from "node:assert/strict";
import { commandPane, detailPane } from "../../../cli/top/texts.ts";
import {
  DOWN,
  END,
  ENTER,
  ESCAPE,
  exchangeDetail,
  exchangeLine,
  flowFacts,
  HOME,
  Screen,
  TAB,
  UP,
} from "../../support/top_screen.ts";

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, at) => from + at);

Deno.test("the newest is chosen until a key goes away from it, and again at the end of the list", () => {
  const screen = new Screen(80, 14);
  screen.add(...range(0, 50));
  assert.deepEqual(screen.listed, { numbers: range(40, 50), chosen: 49 });
  screen.type(UP, UP, UP);
  screen.add(50, 51);
  assert.deepEqual(screen.listed, { numbers: range(40, 50), chosen: 46 });
  assert.match(screen.text, /not following/);
  screen.type(END);
  screen.add(52);
  assert.deepEqual(screen.listed, { numbers: range(43, 53), chosen: 52 });
  screen.type(HOME);
  assert.deepEqual(screen.listed, { numbers: range(0, 10), chosen: 0 });
  screen.type("\x1b[6~", "j", "k", DOWN, "\x1b[<65;1;1M");
  assert.equal(screen.listed.chosen, 13);
  screen.type("F");
  assert.equal(screen.listed.chosen, 52);
});

Deno.test("what is chosen stays where it is while older rows leave the list", () => {
  const screen = new Screen(80, 14);
  screen.add(...range(0, 10_950));
  screen.type(UP, UP);
  const before = screen.listed;
  screen.add(...range(10_950, 11_050));
  assert.deepEqual(screen.listed, before);
  screen.add(...range(11_050, 30_000));
  assert(screen.listed.numbers.includes(screen.listed.chosen!));
});

Deno.test("a list stands still while it is paused, and has everything after", () => {
  const screen = new Screen();
  screen.add(1, 2);
  screen.type(" ");
  screen.add(3, 4);
  assert.deepEqual(screen.listed.numbers, [1, 2]);
  assert.match(screen.text, /paused, 2 more/);
  screen.type(" ");
  assert.deepEqual(screen.listed, { numbers: [1, 2, 3, 4], chosen: 4 });
});

Deno.test("it can be sorted, by numbers from the largest, by texts from a, and reversed", () => {
  const screen = new Screen();
  const rows = [[1, 200, 5, "b"], [2, 500, 3, "c"], [3, 404, 9, "a"]] as const;
  for (const [number, status, responseBytes, host] of rows) {
    screen.state.requests.add(
      exchangeLine(number, { status, responseBytes, host, flow: flowFacts({ program: host }) }),
    );
  }
  const orders: [string, number[]][] = [
    ["s", [2, 3, 1]], // status
    ["r", [1, 3, 2]],
    ["s", [3, 1, 2]], // size
    ["s", [1, 2, 3]], // ms, all alike
    ["s", [3, 1, 2]], // program
    ["s", [3, 1, 2]], // host
    ["r", [2, 1, 3]],
    ["s", [1, 2, 3]], // time
    ["r", [3, 2, 1]],
  ];
  for (const [key, order] of orders) {
    screen.type(key);
    assert.deepEqual(screen.listed.numbers, order, screen.lines().at(-1));
  }
  screen.add(4);
  assert.deepEqual(screen.listed, { numbers: [4, 3, 2, 1], chosen: 4 });
});

Deno.test("a filter is asked for anew; a mistake is shown with its caret and can be mended", () => {
  const screen = new Screen();
  assert.equal(screen.type("f", "host == 3", ENTER), undefined);
  const lines = screen.lines().slice(-4);
  assert.deepEqual(lines.map((line) => line.trimEnd()), [
    "host is a text, which stands in quotes",
    "host == 3",
    "        ^",
    "filter: host == 3",
  ]);
  assert.deepEqual(screen.type("\x7f", '"3"', ENTER), { wish: "follow" });
  assert.equal(screen.state.filter, 'host == "3"');
  assert.match(screen.text, /nothing has ended yet for which this holds: host == "3"/);
  assert.equal(screen.type("f", " or status", ESCAPE), undefined);
  assert.equal(screen.state.filter, 'host == "3"');
  assert.equal(screen.type("f", ENTER), undefined);
});

Deno.test("a caret beyond the screen's end is shown with what stands before it", () => {
  const screen = new Screen(40);
  screen.type("f", `${'host == "a" or '.repeat(10)}stat`, ENTER);
  const [expression, caret] = screen.lines().slice(-3).map((line) => line.trimEnd());
  assert.equal(expression[caret.length - 1], "s");
});

Deno.test("search goes to the next that has it, in either case, and back", () => {
  const screen = new Screen();
  screen.add(...range(100, 130));
  screen.type("/", "ITEM/11", ENTER);
  assert.equal(screen.listed.chosen, 110);
  screen.type("n");
  assert.equal(screen.listed.chosen, 111);
  screen.type("N", "N");
  assert.equal(screen.listed.chosen, 119);
  screen.type("/", "absent", ENTER);
  assert.match(screen.text, /not found: absent/);
  assert.equal(screen.listed.chosen, 119);
  screen.type(ESCAPE);
  assert.equal(screen.state.search, "");
});

Deno.test("detail, command and file are asked for by the number of what is chosen", () => {
  const screen = new Screen();
  assert.equal(screen.type(ENTER), undefined);
  screen.add(7, 8, 9);
  assert.deepEqual(screen.type(UP, ENTER), { wish: "detail", number: 8 });
  assert.deepEqual(screen.type("e"), { wish: "command", number: 8 });
  screen.state.panes.push(detailPane(exchangeDetail({ number: 8 }), 0));
  assert.deepEqual(screen.type("e"), { wish: "command", number: 8 });
  assert.equal(screen.type("w"), undefined);
  screen.state.panes.push(commandPane(exchangeDetail({ number: 8 })));
  const wish = screen.type("w");
  assert(wish?.wish === "write" && wish.number === 8);
  assert.match(wish.command, /^curl https:\/\/shop\.test\/item\/1 /);
  assert.equal(screen.type(ESCAPE, "q"), undefined);
  assert.equal(screen.state.pane, undefined);
  assert.deepEqual(screen.type("q"), { wish: "quit" });
});

Deno.test("a text is scrolled, both ways, and searched", () => {
  const screen = new Screen(40, 10);
  const head = range(0, 40).map((at) => `H${at}: ${"x".repeat(40)}${at}`).join("\n");
  screen.state.panes.push(detailPane(exchangeDetail({ requestHead: `GET / HTTP/1.1\n${head}` }), 0));
  screen.type("/", "H30:", ENTER);
  assert.match(screen.lines()[3], /^> H30: x+$/);
  screen.type("\x1b[C", "\x1b[C", UP);
  assert.match(screen.lines()[3], /^x+29$/);
  screen.type("\x1b[D", "\x1b[D", "n");
  assert.match(screen.lines()[3], /^> H30: /);
  screen.type("n");
  assert.match(screen.text, /not found below/);
  screen.type(END, END);
  const { pane, listRows } = screen.state;
  assert(pane?.kind === "text");
  assert.equal(pane.top, pane.lines.length - listRows);
});

Deno.test("pages come one after the other; sessions are listed and told of", () => {
  const screen = new Screen();
  const { state } = screen;
  state.flows = [1, 2].map((id) => ({
    flow: flowFacts({ id, program: `p${id}`, communityId: `1:c${id}` }),
    openedNs: 0,
    lastNs: 0,
    toServer: 1024 * id,
    toClient: 5,
  }));
  screen.type(TAB);
  assert.match(screen.text, /p1\[42\] +client .*1\.0 KiB +5 B http\/1\.1 shop\.test:443/);
  screen.type(DOWN, ENTER);
  assert.match(screen.text, /session 2.*Community ID +1:c2/s);
  screen.type(ESCAPE, TAB);
  assert.match(screen.text, /flows {7}382 open, 91,204 so far/);
  screen.type(TAB, "\x1b[Z");
  assert.equal(state.page.kind, "status");
});

Deno.test("keys are listed, and Ctrl works everywhere", () => {
  const screen = new Screen();
  screen.type("?");
  for (const words of ["Space", "f ", "Ctrl-C"]) assert(screen.text.includes(words), words);
  screen.type("f", "/");
  for (const [key, wish] of [["\x03", "quit"], ["\x0c", "redraw"], ["\x1a", "suspend"]]) {
    assert.deepEqual(screen.type(key), { wish });
  }
});
