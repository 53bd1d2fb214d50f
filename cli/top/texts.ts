// SPDX-License-Identifier: MIT
/** What is shown over a page: an exchange with heads and body, a session, a command, the keys. @module */
import { type ExchangeDetail, exchangeOf, type MessageDetail, messageOf } from "../../net/view/feed_lines.ts";
import type { FlowLine } from "../../net/view/flow_lines.ts";
import { visible } from "../../net/wire/printable.ts";
import { formatBytes } from "../format.ts";
import { clockTime } from "../request_lines.ts";
import { entryText } from "../request_text.ts";
import { curlCommand } from "./curl_command.ts";
import { type Line, lineOf, MARKS, spansOf } from "./line.ts";
import type { TextPane } from "./state.ts";

/** What the agent says of a row. */
export type Detail = ExchangeDetail | MessageDetail;

function pane(title: string, lines: readonly Line[]): TextPane {
  return { kind: "text", title, lines, top: 0, left: 0 };
}

/** An exchange or a message, with all that was kept of it. */
export function detailPane(detail: Detail, timeBaseMs: number): TextPane {
  const entry = detail.kind === "exchange" ? exchangeOf(detail) : messageOf(detail);
  // What is secret the agent has hidden.
  const style = { paint: MARKS, showsSecrets: true, timeBaseMs };
  const lines = (entryText(entry, style, true) ?? "").trimEnd().split("\n").map(spansOf);
  return { ...pane(detail.kind === "exchange" ? "exchange" : "message", lines), number: detail.number };
}

/** The request as a command of curl. */
export function commandPane(detail: ExchangeDetail): TextPane {
  const command = curlCommand(exchangeOf(detail));
  const lines = command.trimEnd().split("\n").map((line) =>
    lineOf(line, line[0] === "#" ? "yellow" : undefined)
  );
  return { ...pane("as a command of curl", lines), number: detail.number, command };
}

/** What is known of a session. */
export function flowPane(
  { flow, openedNs, lastNs, toServer, toClient }: FlowLine,
  timeBaseMs: number,
): TextPane {
  const time = (timeNs: number) => clockTime(timeBaseMs + timeNs / 1e6);
  const rows: readonly [string, string][] = [
    ["program", `${flow.program}[${flow.pid}] uid ${flow.uid}, ${flow.role}`],
    ["client", `${flow.client.ip} port ${flow.client.port}`],
    ["server", `${flow.server.ip} port ${flow.server.port}`],
    ["addresses", `known by ${flow.attribution}`],
    ["Community ID", flow.communityId],
    ["server name", flow.sni],
    ["TLS", flow.tls],
    ["ALPN", flow.alpn],
    ["opened", `${time(openedNs)}${flow.joinedLate ? ", joined late" : ""}`],
    ["last byte", time(lastNs)],
    ["to server", formatBytes(toServer)],
    ["to client", formatBytes(toClient)],
  ];
  return pane(
    `session ${flow.id}`,
    rows.map(([name, text]) => [{ text: name.padEnd(14), style: "dim" }, { text: visible(text) }]),
  );
}

const KEYS: readonly (readonly [string, string])[] = [
  ["Up Down PgUp PgDn", "go through a list; k, j and the wheel too"],
  ["Home End", "to its ends; g and G too"],
  ["Left Right", "scroll a text that is wider than the screen"],
  ["Enter", "heads and body of an exchange; what is known of a session"],
  ["Tab", "the next page"],
  ["f", 'only what a filter holds for: status >= 400 and host contains "shop"'],
  ["/", "search in what is listed or shown"],
  ["n N", "to the next, or the one before, that is found"],
  ["s", "sort by the next of time, status, size, ms, program, host"],
  ["r", "reverse the order"],
  ["Space", "let the list stand still, or go on"],
  ["F", "follow what comes"],
  ["e", "the request as a command of curl"],
  ["w", "write that command into a file"],
  ["Esc", "back; q too"],
  ["Shift and mouse", "select text, in most terminals"],
  ["Ctrl-L", "draw the screen again"],
  ["Ctrl-Z", "to the shell; fg comes back"],
  ["q Ctrl-C", "quit"],
];

/** The keys that there are. */
export function helpPane(): TextPane {
  return pane("keys", KEYS.map(([keys, text]) => [{ text: keys.padEnd(20), style: "bold" }, { text }]));
}
