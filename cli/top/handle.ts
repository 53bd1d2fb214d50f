// SPDX-License-Identifier: MIT
/** What keys do: they change the state of `top`, or ask for what is not in it. @module */
import { BadFilter, parseFilter } from "../../net/view/filter.ts";
import type { Chosen } from "./chosen.ts";
import { flowLine, requestLine } from "./columns.ts";
import type { Key, KeyName } from "./keys.ts";
import type { Line } from "./line.ts";
import { matches } from "./screen.ts";
import type { Prompt, TextPane, TopState } from "./state.ts";
import { flowPane, helpPane } from "./texts.ts";

/** What is asked for. */
export type Wish =
  | { readonly wish: "quit" | "redraw" | "suspend" | "follow" }
  /** Of a row, its heads and body, or the command that asks for it. */
  | { readonly wish: "detail" | "command"; readonly number: number }
  | { readonly wish: "write"; readonly number: number; readonly command: string };

/** Lines that the wheel goes. */
const WHEEL_LINES = 3;
const TEXT_MAX = 4096;
const LEFT_STEP = 8;

export function handle(state: TopState, key: Key): Wish | undefined {
  state.news = "";
  if ("control" in key) return controlWish(key.control);
  const { pane } = state;
  if (pane?.kind === "prompt") return typed(state, pane, key);
  return pane === undefined ? onPage(state, key) : onText(state, pane, key);
}

function controlWish(letter: string): Wish | undefined {
  switch (letter) {
    case "c":
      return { wish: "quit" };
    case "l":
      return { wish: "redraw" };
    case "z":
      return { wish: "suspend" };
  }
}

/** Lines that a key goes in so many `rows`; undefined for a key that goes nowhere. */
function stepOf(key: Key, rows: number): number | undefined {
  const name: KeyName | string = "name" in key ? key.name : "letter" in key ? key.letter : "";
  switch (name) {
    case "up":
    case "k":
      return -1;
    case "down":
    case "j":
      return 1;
    case "wheel up":
      return -WHEEL_LINES;
    case "wheel down":
      return WHEEL_LINES;
    case "page up":
      return -Math.max(1, rows - 1);
    case "page down":
      return Math.max(1, rows - 1);
    case "home":
    case "g":
      return -Infinity;
    case "end":
    case "G":
      return Infinity;
  }
}

function onPage(state: TopState, key: Key): Wish | undefined {
  const step = stepOf(key, state.listRows);
  if (step !== undefined) return void move(state, step);
  if ("name" in key) return namedOnPage(state, key.name);
  if (!("letter" in key)) return undefined;
  switch (key.letter) {
    case "q":
      return { wish: "quit" };
    case "?":
      return void state.panes.push(helpPane());
    case "f":
      return void state.panes.push({ kind: "prompt", asks: "filter", text: state.filter });
    case "/":
      return void state.panes.push({ kind: "prompt", asks: "search", text: "" });
    case "n":
      return void find(state, 1);
    case "N":
      return void find(state, -1);
  }
  if (state.page.kind === "requests") return requestKey(state, key.letter);
}

function requestKey({ requests, chosenRequest }: TopState, letter: string): Wish | undefined {
  switch (letter) {
    case "s":
      requests.nextSort();
      return void (chosenRequest.follows = true);
    case "r":
      requests.reverse();
      return void (chosenRequest.follows = true);
    case " ":
    case "p":
      return void requests.pause();
    case "F":
      return void (chosenRequest.follows = true);
    case "e":
      return chosenRequest.key === undefined ? undefined : { wish: "command", number: chosenRequest.key };
  }
}

function namedOnPage(state: TopState, name: KeyName): Wish | undefined {
  switch (name) {
    case "tab":
    case "back tab": {
      const { length } = state.pages;
      state.pageIndex = (state.pageIndex + (name === "tab" ? 1 : length - 1)) % length;
      state.statusTop = state.statusLeft = 0;
      return undefined;
    }
    case "left":
    case "right":
      state.statusLeft = Math.max(0, state.statusLeft + (name === "left" ? -LEFT_STEP : LEFT_STEP));
      return undefined;
    case "escape":
      state.search = "";
      return undefined;
    case "enter":
      return open(state);
  }
}

function open(state: TopState): Wish | undefined {
  if (state.page.kind === "requests" && state.chosenRequest.key !== undefined) {
    return { wish: "detail", number: state.chosenRequest.key };
  }
  if (state.page.kind !== "flows") return undefined;
  const line = state.flows.find(({ flow }) => flow.id === state.chosenFlow.key);
  if (line !== undefined) state.panes.push(flowPane(line, state.begin?.timeBaseMs ?? 0));
}

/** The list of the page, if it has one. */
interface List {
  readonly chosen: Chosen<number>;
  readonly keys: readonly number[];
  readonly end: "first" | "last";
  line(index: number): Line;
}

function listOf(state: TopState): List | undefined {
  const { page, requests, flows, columns } = state;
  if (page.kind === "requests") {
    const rows = requests.shown();
    return {
      chosen: state.chosenRequest,
      keys: rows.map(({ number }) => number),
      end: requests.end,
      line: (index) => requestLine(rows[index], columns, 0),
    };
  }
  if (page.kind !== "flows") return undefined;
  return {
    chosen: state.chosenFlow,
    keys: flows.map(({ flow }) => flow.id),
    end: "first",
    line: (index) => flowLine(flows[index], columns, 0),
  };
}

function move(state: TopState, by: number): void {
  const list = listOf(state);
  if (list === undefined) state.statusTop = Math.max(0, state.statusTop + by);
  else list.chosen.move(by, list.keys, state.listRows, list.end);
}

/** Chooses the next line, in this direction, in which something is found. */
function find(state: TopState, way: 1 | -1): void {
  const list = listOf(state);
  if (list === undefined || state.search === "") return;
  const { length } = list.keys;
  const { index } = list.chosen.look(list.keys, state.listRows, list.end);
  for (let step = 1; step <= length; step++) {
    const at = (index + way * step + length) % length;
    if (matches(list.line(at), state.search)) return list.chosen.choose(at, list.keys, state.listRows);
  }
  state.news = `not found: ${state.search}`;
}

function onText(state: TopState, pane: TextPane, key: Key): Wish | undefined {
  const step = stepOf(key, state.listRows);
  if (step !== undefined) return scroll(pane, step);
  const name = "name" in key ? key.name : "letter" in key ? key.letter : "";
  switch (name) {
    case "escape":
    case "backspace":
    case "q":
      return void state.panes.pop();
    case "left":
      return void (pane.left = Math.max(0, pane.left - LEFT_STEP));
    case "right":
      return void (pane.left += LEFT_STEP);
    case "/":
      return void state.panes.push({ kind: "prompt", asks: "search", text: "" });
    case "n":
      return void findInText(state, pane, 1);
    case "N":
      return void findInText(state, pane, -1);
    case "?":
      return void state.panes.push(helpPane());
    case "e":
      if (pane.number !== undefined && pane.command === undefined) {
        return { wish: "command", number: pane.number };
      }
      return undefined;
    case "w":
      if (pane.number !== undefined && pane.command !== undefined) {
        return { wish: "write", number: pane.number, command: pane.command };
      }
  }
}

function scroll(pane: TextPane, by: number): undefined {
  pane.top = Math.max(0, Math.min(pane.top + by, pane.lines.length));
  delete pane.found;
}

function findInText(state: TopState, pane: TextPane, way: 1 | -1): void {
  if (state.search === "") return;
  const from = pane.found ?? pane.top - (way > 0 ? 1 : 0);
  for (let at = from + way; at >= 0 && at < pane.lines.length; at += way) {
    if (matches(pane.lines[at], state.search)) return void (pane.top = pane.found = at);
  }
  state.news = `not found ${way > 0 ? "below" : "above"}: ${state.search}`;
}

/** A key for the line that is typed. */
function typed(state: TopState, prompt: Prompt, key: Key): Wish | undefined {
  if ("letter" in key) {
    if (prompt.text.length < TEXT_MAX) prompt.text += key.letter;
    delete prompt.mistake;
    return undefined;
  }
  switch ("name" in key ? key.name : undefined) {
    case "backspace":
      prompt.text = [...prompt.text].slice(0, -1).join("");
      delete prompt.mistake;
      return undefined;
    case "escape":
      return void state.panes.pop();
    case "enter":
      return prompt.asks === "filter" ? takeFilter(state, prompt) : takeSearch(state, prompt);
  }
}

function takeFilter(state: TopState, prompt: Prompt): Wish | undefined {
  const filter = prompt.text.trim();
  try {
    if (filter !== "") parseFilter(filter);
  } catch (error) {
    if (!(error instanceof BadFilter)) throw error;
    const { message, expression, position } = error;
    prompt.mistake = { message, expression, position };
    return undefined;
  }
  state.panes.pop();
  if (filter === state.filter) return undefined;
  state.filter = filter;
  return { wish: "follow" };
}

function takeSearch(state: TopState, prompt: Prompt): undefined {
  state.panes.pop();
  state.search = prompt.text;
  const { pane } = state;
  if (pane?.kind === "text") findInText(state, pane, 1);
  else find(state, 1);
}
