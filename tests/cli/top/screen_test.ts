// SPDX-License-Identifier: MIT
/** What stands on the screen, and that nothing else can. */
import assert from "node:assert/strict";
import { paintFor, widthOf } from "../../../cli/paint.ts";
import { screenOf } from "../../../cli/top/screen.ts";
import { changes } from "../../../cli/top/terminal.ts";
import { commandPane, detailPane, flowPane } from "../../../cli/top/texts.ts";
import {
  exchangeDetail,
  exchangeLine,
  flowFacts,
  Screen,
  SOCKET,
  TAB,
  tick,
} from "../../support/top_screen.ts";

const range = (count: number) => Array.from({ length: count }, (_, at) => at);

Deno.test("a screen has numbers, titles, rows and hints, on 80 by 24 and on 200 by 60", () => {
  for (const [columns, rows] of [[80, 24], [200, 60]]) {
    const screen = new Screen(columns, rows);
    screen.add(...range(100));
    screen.state.takeTick(tick(0, 0));
    screen.state.takeTick({ ...tick(100, 1000), skipped: 3812 });
    const lines = screen.lines();
    assert.equal(lines.length, rows);
    for (const line of lines) assert(widthOf(line) <= columns, line);
    assert.equal(lines[0], "agent pid 812, up 1 min, 0.1.0  healthy  14 programs, 382 flows");
    assert.match(
      lines[1],
      /^ requests {3}flows {3}status {4}100\/s {2}100 seen {2}2xx 100 {2}not listed 3,812$/,
    );
    assert.match(lines[2], /PROGRAM +METHOD STA +SIZE +TOOK .*HOST AND PATH *$/);
    assert.match(lines[3], /nginx\[42\] +GET +200 +163 B +41 ms .*shop\.test\/item\//);
    assert.match(lines.at(-1)!, /^\? keys {2}f filter/);
    assert.deepEqual(screen.listed, { numbers: range(100).slice(4 - rows), chosen: 99 });
  }
});

Deno.test("a screen of any size is drawn, and has no more than fits", () => {
  for (const [columns, rows] of [[1, 1], [2, 5], [10, 3], [79, 23]]) {
    const screen = new Screen(columns, rows);
    screen.add(...range(30));
    screen.state.panes.push(detailPane(exchangeDetail(), 0), {
      kind: "prompt",
      asks: "filter",
      text: "世世世世世世世",
    });
    assert.equal(screen.lines().length, rows);
    for (const line of screen.lines()) assert(widthOf(line) <= columns, `${columns}: ${line}`);
  }
});

/** Orders to a terminal, turned directions, ends of lines, half letters, and a name without end. */
const HOSTILE = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202egnp.exe\r\n\t\u200b\ud800" + "̶".repeat(5000) +
  "世".repeat(300);

/** What `top` itself writes into a line. */
// deno-lint-ignore no-control-regex
const COLOUR = /\x1b\[\d+m/g;
/** What no line may have besides. */
// deno-lint-ignore no-control-regex
const NO_TEXT = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e]|[\ud800-\udfff]/u;

Deno.test("nothing that a peer says gives the terminal an order, breaks a line or is wider than the screen", () => {
  const hostile = flowFacts({ program: HOSTILE, sni: HOSTILE, alpn: HOSTILE });
  const line = exchangeLine(1, {
    flow: hostile,
    method: HOSTILE,
    target: `/${HOSTILE}`,
    host: HOSTILE,
    type: HOSTILE,
    grpcStatus: HOSTILE,
  });
  const head = `GET /${HOSTILE.replace(/\r?\n/, "")} HTTP/1.1\n${HOSTILE}: ${HOSTILE}\nX: ${HOSTILE}`;
  const base64 = new TextEncoder().encode(HOSTILE).toBase64();
  const detail = exchangeDetail({
    ...line,
    requestHead: head,
    responseHead: head,
    requestBytes: 100,
    requestBody: { base64, missingBytes: 0 },
    responseBody: { base64, missingBytes: 5 },
  });
  const flow = { flow: hostile, openedNs: 0, lastNs: 0, toServer: 1, toClient: 2 };
  for (const columns of [80, 200]) {
    const screen = new Screen(columns);
    const { state } = screen;
    state.requests.add(line);
    state.requests.add({ ...line, number: 2, kind: "message", isToServer: true, opcode: 9, lengthBytes: 3 });
    state.requests.add({ ...line, number: 3, kind: "flow end", isHttp: false, toServer: 1, toClient: 2 });
    state.flows = [flow];
    state.filter = state.search = state.news = HOSTILE;
    state.reports.set(SOCKET, HOSTILE);
    const isClean = () => {
      const text = screenOf(state, paintFor("always", true)).join("").replace(COLOUR, "");
      assert.doesNotMatch(text, NO_TEXT);
      for (const drawn of screen.lines()) assert(widthOf(drawn) <= columns);
    };
    for (const _ of state.pages) {
      isClean();
      state.news = "";
      isClean();
      screen.type(TAB);
    }
    for (const pane of [detailPane(detail, 0), commandPane(detail), flowPane(flow, 0)]) {
      state.panes.push(pane);
      isClean();
      state.panes.pop();
    }
    for (const kind of ["filter", "search"] as const) {
      const mistake = { message: HOSTILE, expression: HOSTILE, position: 200 };
      state.panes.push({ kind: "prompt", asks: kind, text: HOSTILE, mistake });
      isClean();
      state.panes.pop();
    }
  }
});

Deno.test("an agent that does not answer for a while is said to, and one that has gone", () => {
  const screen = new Screen();
  screen.state.takeTick(tick(1, 1000));
  screen.state.nowMs = 8000;
  assert.match(screen.lines()[0], /healthy {2}no answer for 7 s/);
  screen.state.reports.set(SOCKET, "it does not run any more");
  assert.equal(screen.lines()[0], "it does not run any more");
});

Deno.test("exchanges are shown with heads and body, secrets as the agent sends them", () => {
  const screen = new Screen();
  const body = new TextEncoder().encode('{"id":77}');
  screen.state.panes.push(
    detailPane(
      exchangeDetail({
        responseBytes: 9,
        responseBody: { base64: body.toBase64(), missingBytes: 0 },
        requestHead: "GET /item/1 HTTP/1.1\nAuthorization: ‹hidden, --show-secrets›",
      }),
      0,
    ),
  );
  const { text } = screen;
  for (
    const line of ["> GET /item/1 HTTP/1.1", "> Authorization: ‹hidden, --show-secrets›", '<   "id": 77']
  ) {
    assert(text.includes(line), line);
  }
});

Deno.test("only lines that changed are drawn again, all of them when the screen has another size", () => {
  assert.equal(changes(["a", "b"], ["a", "c"]), "\x1b[2;1H\x1b[2Kc");
  assert.equal(changes(["a"], ["a"]), "");
  assert.equal(changes([], ["a"]), "\x1b[2J\x1b[1;1H\x1b[2Ka");
  assert(changes(["a"], ["a", "b"]).startsWith("\x1b[2J"));
});
