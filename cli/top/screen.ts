// SPDX-License-Identifier: MIT
/** What stands on the screen of `top`: its state as lines, one for each row. @module */
import type { AgentReport, StatusReport } from "../../net/status/report.ts";
import type { FeedTick } from "../../net/view/feed_lines.ts";
import { visible } from "../../net/wire/printable.ts";
import { formatBytes, formatSpan } from "../format.ts";
import type { Paint } from "../paint.ts";
import { statusLines } from "../status_text.ts";
import { flowLine, flowTitles, requestLine, requestTitles } from "./columns.ts";
import { clipped, type Line, lineOf, painted, type Span, textOf } from "./line.ts";
import { mistakeLines, promptLine } from "./prompt_lines.ts";
import type { Page, TextPane, TopState } from "./state.ts";

/** No line came for so long: the agent is busy, or gone. */
const SILENT_MS = 3000;

/** As many texts as the screen has rows, each as wide as it or less, with no other escape sequences than those of `paint`. */
export function screenOf(state: TopState, paint: Paint): string[] {
  const { columns, rows, pane } = state;
  const lines = [...headLines(state), ...bodyLines(state, paint)].slice(0, rows - 1);
  while (lines.length < rows - 1) lines.push([]);
  const over = pane?.kind === "prompt" ? mistakeLines(pane, columns) : [];
  if (over.length > 0) lines.splice(-over.length, over.length, ...over);
  const texts = lines.map((line) => typeof line === "string" ? line : painted(line, columns, paint));
  return [...texts.slice(0, rows - 1), lastLine(state, paint)];
}

/** Lines that are painted already are texts. */
type Drawn = Line | string;

function headLines(state: TopState): Line[] {
  const { page, pages, reports } = state;
  const statusPage = pages.find((one): one is Extract<Page, { kind: "status" }> =>
    one.kind === "status" && (page.kind !== "status" || one === page)
  );
  const report = statusPage && reports.get(statusPage.socket);
  return [titleLine(state, report), page.kind === "status" ? tabsLine(state) : feedLine(state)];
}

function titleLine({ nowMs, ticks }: TopState, report: StatusReport | string | undefined): Line {
  if (report === undefined) return lineOf("sslcollector top", "bold");
  if (typeof report === "string") return lineOf(visible(report), "red");
  const { role, pid, startedMs, version, health } = report;
  const silentMs = nowMs - (ticks.at(-1)?.nowMs ?? nowMs);
  return [
    { text: role, style: "bold" },
    { text: ` pid ${pid}, up ${formatSpan(report.nowMs - startedMs)}, ${visible(version)}  ` },
    { text: health.state, style: health.state === "healthy" ? "green" : "red" },
    ...silentMs > SILENT_MS
      ? [{ text: `  no answer for ${formatSpan(silentMs)}`, style: "red" } as const]
      : [],
    { text: `  ${report.role === "agent" ? agentNumbers(report) : `${report.agents.length} agents`}` },
  ];
}

function agentNumbers({ programs, flows, rates }: AgentReport): string {
  const rate = rates.overMs === 0 ? "" : `, ${formatBytes(rates.bytes)}/s`;
  return `${count(programs.mirrored)} programs, ${count(flows.open)} flows${rate}`;
}

/** `3,812/s  204,120 seen: 98 % 2xx, 1 % 4xx …`, or what `top` waits for. */
function feedLine(state: TopState): Line {
  const tick = state.ticks.at(-1);
  if (tick === undefined) return [...tabsLine(state), { text: "  waiting for the agent", style: "dim" }];
  return [...tabsLine(state), { text: "  " }, ...totals(tick, state.rate)];
}

function totals({ counts, skipped, missed, waiting }: FeedTick, rate: number): Line {
  const { exchanges, statuses, cut } = counts;
  const spans: Span[] = [{ text: `${count(Math.round(rate))}/s  ${count(exchanges)} seen` }];
  for (const [hundreds, amount] of statuses.entries()) {
    if (amount === 0 || hundreds === 0) continue;
    const style = hundreds === 5 ? "red" : hundreds === 4 ? "yellow" : "green";
    spans.push({ text: `  ${hundreds}xx ` }, { text: count(amount), style });
  }
  const more: readonly [string, number][] = [
    ["unanswered", statuses[0]],
    ["cut", cut],
    ["not listed", skipped],
    ["missed", missed],
    ["to look at", waiting],
  ];
  for (const [name, amount] of more) if (amount > 0) spans.push({ text: `  ${name} ${count(amount)}` });
  return spans;
}

function tabsLine({ pages, page }: TopState): Line {
  return pages.flatMap((one): Span[] => [
    { text: ` ${one.name} `, style: one === page ? "reverse" : "dim" },
    { text: " " },
  ]);
}

function bodyLines(state: TopState, paint: Paint): Drawn[] {
  const open = state.panes.findLast((pane) => pane.kind === "text");
  if (open !== undefined) return paneLines(open, state);
  switch (state.page.kind) {
    case "requests":
      return requestLines(state, paint);
    case "flows":
      return flowLines(state, paint);
    case "status":
      return statusPageLines(state, state.page.socket);
  }
}

function requestLines(state: TopState, paint: Paint): Drawn[] {
  const { columns, requests, chosenRequest, listRows, begin } = state;
  const rows = requests.shown();
  const { index, first } = chosenRequest.look(rows.map(({ number }) => number), listRows, requests.end);
  const lines = rows.slice(first, first + listRows)
    .map((row) => requestLine(row, columns, begin?.timeBaseMs ?? 0));
  return [filled(requestTitles(columns), columns, paint), ...listLines(lines, index - first, state, paint)];
}

function flowLines(state: TopState, paint: Paint): Drawn[] {
  const { columns, flows, chosenFlow, listRows, begin, ticks } = state;
  const { index, first } = chosenFlow.look(flows.map(({ flow }) => flow.id), listRows, "first");
  const nowNs = ((ticks.at(-1)?.nowMs ?? 0) - (begin?.timeBaseMs ?? 0)) * 1e6;
  const lines = flows.slice(first, first + listRows).map((line) => flowLine(line, columns, nowNs));
  return [filled(flowTitles(columns), columns, paint), ...listLines(lines, index - first, state, paint)];
}

function listLines(lines: readonly Line[], chosen: number, state: TopState, paint: Paint): Drawn[] {
  const { columns, search } = state;
  if (lines.length === 0) return [lineOf(emptyText(state), "dim")];
  return lines.map((line, at) =>
    at === chosen ? filled(line, columns, paint) : search === "" ? line : marked(line, search)
  );
}

function emptyText({ filter, page }: TopState): string {
  const what = page.kind === "flows" ? "no session is open" : "nothing has ended yet";
  return filter === "" ? what : `${what} for which this holds: ${visible(filter)}`;
}

const filled = (line: Line, columns: number, paint: Paint): string =>
  painted(line, columns, paint, "reverse");

/** A line in which something is found is bold. */
function marked(line: Line, search: string): Line {
  return matches(line, search) ? line.map(({ text }) => ({ text, style: "bold" })) : line;
}

/** Whether a line has what is searched, in either case. */
export function matches(line: Line, search: string): boolean {
  return textOf(line).toLowerCase().includes(search.toLowerCase());
}

function statusPageLines(state: TopState, socket: string): Line[] {
  const lines = statusTextLines(state.reports.get(socket));
  state.statusTop = Math.max(0, Math.min(state.statusTop, lines.length - 1));
  return lines.slice(state.statusTop).map((line) => clipped(lineOf(line), state.statusLeft, state.columns));
}

function statusTextLines(report: StatusReport | string | undefined): string[] {
  if (report === undefined) return ["asking"];
  return (typeof report === "string" ? [report] : statusLines(report)).map(visible);
}

function paneLines(pane: TextPane, state: TopState): Line[] {
  const { columns, listRows, search } = state;
  pane.top = Math.max(0, Math.min(pane.top, pane.lines.length - listRows));
  const shown = pane.lines.slice(pane.top, pane.top + listRows).map((line) => {
    const seen = clipped(line, pane.left, columns);
    return search !== "" && matches(line, search) ? marked(seen, search) : seen;
  });
  const place = pane.lines.length > listRows
    ? `  lines ${pane.top + 1} to ${pane.top + shown.length} of ${pane.lines.length}`
    : "";
  return [[{ text: ` ${pane.title} `, style: "reverse" }, { text: place, style: "dim" }], ...shown];
}

function lastLine(state: TopState, paint: Paint): string {
  const { pane, columns, news } = state;
  if (pane?.kind === "prompt") return promptLine(pane, columns, paint);
  if (news !== "") return painted(lineOf(visible(news), "yellow"), columns, paint);
  return painted([...stateSpans(state), { text: hints(state), style: "dim" }], columns, paint);
}

function stateSpans({ requests, chosenRequest, filter, search, page }: TopState): Line {
  const spans: Span[] = [];
  if (page.kind !== "status" && filter !== "") {
    spans.push({ text: `filter: ${visible(filter)}  `, style: "yellow" });
  }
  if (search !== "") spans.push({ text: `search: ${visible(search)}  `, style: "yellow" });
  if (page.kind !== "requests") return spans;
  if (requests.isPaused) spans.push({ text: `paused, ${count(requests.heldRows)} more  `, style: "yellow" });
  else if (!chosenRequest.follows) spans.push({ text: "not following  ", style: "yellow" });
  if (requests.sort !== "time" || requests.isReversed) {
    spans.push({ text: `by ${requests.sort}${requests.isReversed ? " reversed" : ""}  `, style: "blue" });
  }
  return spans;
}

function hints({ pane, page, pages }: TopState): string {
  if (pane?.kind === "text") {
    if (pane.command !== undefined) return "w write to a file  Esc back";
    return pane.number === undefined ? "Esc back" : "e as curl  / search  Esc back";
  }
  const tab = pages.length > 1 ? "Tab next page  " : "";
  switch (page.kind) {
    case "requests":
      return `? keys  f filter  / search  s sort  Space pause  Enter detail  ${tab}q quit`;
    case "flows":
      return `? keys  f filter  Enter its requests  ${tab}q quit`;
    case "status":
      return `? keys  ${tab}q quit`;
  }
}

/** `8,211,004`. */
function count(amount: number): string {
  return amount.toLocaleString("en-US");
}
