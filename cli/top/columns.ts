// SPDX-License-Identifier: MIT
/** Columns of the lists: what stands in them, and how wide they are on a screen of some width. @module */
import { visible } from "../../net/wire/printable.ts";
import type { FlowLine } from "../../net/view/flow_lines.ts";
import { formatBytes, formatSpan } from "../format.ts";
import { padEnd, type Paint, widthOf } from "../paint.ts";
import { clockTime, formatMs, pathOf } from "../request_lines.ts";
import type { Line, Span } from "./line.ts";
import { hostOf, type ListedRow, sizeOf } from "./request_list.ts";

/** A column of `width`, on the left or the right of it; the last one is as wide as the rest of the screen. */
interface Column<T> {
  readonly title: string;
  readonly width: number;
  readonly isRight?: boolean;
  /** On screens that are narrower it is left out. */
  readonly fromColumns?: number;
  readonly cell: (thing: T, timeBaseMs: number) => Span;
}

/** Letters of a peer's text that are looked at: more have room on no screen. */
const LETTERS_MAX = 1000;
const shown = (text: string): string => visible(text.slice(0, LETTERS_MAX));

const REQUESTS: readonly Column<ListedRow>[] = [
  {
    title: "TIME",
    width: 12,
    fromColumns: 100,
    cell: (row, base) => ({ text: timeOf(row, base), style: "dim" }),
  },
  { title: "PROGRAM", width: 16, cell: ({ flow }) => ({ text: `${shown(flow.program)}[${flow.pid}]` }) },
  { title: "METHOD", width: 6, cell: (row) => ({ text: methodOf(row), style: "bold" }) },
  { title: "STA", width: 3, isRight: true, cell: statusOf },
  { title: "SIZE", width: 8, isRight: true, cell: (row) => ({ text: formatBytes(sizeOf(row)) }) },
  {
    title: "TOOK",
    width: 7,
    isRight: true,
    cell: ({ startNs, endNs }) => ({ text: formatMs((endNs - startNs) / 1e6) }),
  },
  {
    title: "TYPE",
    width: 18,
    fromColumns: 140,
    cell: (row) => ({ text: row.kind === "exchange" ? shown(row.type) : "" }),
  },
  { title: "HOST AND PATH", width: 0, cell: whatOf },
];

const FLOWS: readonly Column<FlowLine>[] = [
  { title: "PROGRAM", width: 16, cell: ({ flow }) => ({ text: `${shown(flow.program)}[${flow.pid}]` }) },
  { title: "ROLE", width: 6, cell: ({ flow }) => ({ text: flow.role }) },
  {
    title: "IDLE",
    width: 8,
    isRight: true,
    cell: ({ lastNs }, nowNs) => ({
      text: formatSpan(Math.max(0, nowNs - lastNs) / 1e6).split(" ").slice(0, 2).join(" "),
    }),
  },
  { title: "TO SRV", width: 8, isRight: true, cell: ({ toServer }) => ({ text: formatBytes(toServer) }) },
  { title: "TO CLI", width: 8, isRight: true, cell: ({ toClient }) => ({ text: formatBytes(toClient) }) },
  { title: "ALPN", width: 8, cell: ({ flow }) => ({ text: shown(flow.alpn), style: "dim" }) },
  {
    title: "CLIENT",
    width: 22,
    fromColumns: 120,
    cell: ({ flow }) => ({ text: addressOf(flow.client) }),
  },
  { title: "SERVER", width: 0, cell: ({ flow }) => ({ text: serverOf(flow) }) },
];

/** Titles of the columns that there are on a screen. */
export function requestTitles(columns: number): Line {
  return titles(REQUESTS, columns);
}

/** A row as it stands on a screen; times count from `timeBaseMs`. */
export function requestLine(row: ListedRow, columns: number, timeBaseMs: number): Line {
  return cells(REQUESTS, row, columns, timeBaseMs);
}

export function flowTitles(columns: number): Line {
  return titles(FLOWS, columns);
}

/** A flow at `nowNs` of its agent's time. */
export function flowLine(line: FlowLine, columns: number, nowNs: number): Line {
  return cells(FLOWS, line, columns, nowNs);
}

function titles<T>(list: readonly Column<T>[], columns: number): Line {
  return list.filter(({ fromColumns = 0 }) => columns >= fromColumns)
    .map(({ title, width, isRight }) => ({ text: padded(title, width, isRight), style: "reverse" }));
}

function cells<T>(list: readonly Column<T>[], thing: T, columns: number, base: number): Line {
  return list.filter(({ fromColumns = 0 }) => columns >= fromColumns).map(({ width, isRight, cell }) => {
    const { text, style } = cell(thing, base);
    const span = { text: padded(text, width, isRight) };
    return style === undefined ? span : { ...span, style };
  });
}

/** Cut where it is too wide, and a blank behind it. */
function padded(text: string, width: number, isRight = false): string {
  if (width === 0) return text;
  const cut = widthOf(text) > width ? cutTo(text, width) : text;
  return isRight ? `${" ".repeat(width - widthOf(cut))}${cut} ` : padEnd(cut, width + 1);
}

function cutTo(text: string, width: number): string {
  let cut = "";
  let taken = 1;
  for (const letter of text) {
    taken += widthOf(letter);
    if (taken > width) break;
    cut += letter;
  }
  return `${cut}…`;
}

const timeOf = ({ startNs }: ListedRow, timeBaseMs: number): string => clockTime(timeBaseMs + startNs / 1e6);

function methodOf(row: ListedRow): string {
  if (row.kind === "exchange") return shown(row.method);
  return row.kind === "message" ? `ws ${row.isToServer ? ">" : "<"}` : "raw";
}

function statusOf(row: ListedRow): Span {
  if (row.kind !== "exchange") return { text: "" };
  const { status } = row;
  if (status === 0) return { text: "---", style: "red" };
  return { text: String(status), style: statusStyle(status) };
}

/** How a status is painted. */
function statusStyle(status: number): keyof Paint {
  return status >= 500 ? "red" : status >= 400 ? "yellow" : "green";
}

function whatOf(row: ListedRow): Span {
  if (row.kind !== "exchange" && row.kind !== "message") return { text: serverOf(row.flow) };
  const what = row.kind === "message" ? `  ${opcodeOf(row.opcode)}` : shown(pathOf(row.target));
  const grpc = row.kind === "message" || row.grpcStatus === undefined
    ? ""
    : `  grpc-status ${shown(row.grpcStatus)}`;
  const text = `${shown(hostOf(row))}${what}${grpc}`;
  return row.cut === "" ? { text } : { text: `${text}  cut: ${row.cut}`, style: "red" };
}

const opcodeOf = (opcode: number): string =>
  opcode === 1 ? "text" : opcode === 2 ? "binary" : opcode === 8 ? "close" : `opcode ${opcode}`;

const addressOf = ({ ip, port }: { readonly ip: string; readonly port: number }): string =>
  ip.includes(":") ? `[${ip}]:${port}` : `${ip}:${port}`;

const serverOf = ({ sni, server }: FlowLine["flow"]): string =>
  sni === "" ? addressOf(server) : `${shown(sni)}:${server.port}`;
