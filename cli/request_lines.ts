// SPDX-License-Identifier: MIT
/** A line for each exchange, WebSocket message and flow of another protocol, fit for a terminal. @module */
import type { Entry, Exchange, FlowEntry, SocketMessage } from "../net/view/exchange.ts";
import { withoutSecrets } from "../net/view/secrets.ts";
import { visible } from "../net/wire/printable.ts";
import { formatBytes } from "./format.ts";
import { padEnd, type Paint } from "./paint.ts";

/** How lines are written. */
export interface LineStyle {
  readonly paint: Paint;
  readonly showsSecrets: boolean;
  /** Milliseconds since 1970 that entries' times count from. */
  readonly timeBaseMs: number;
}

const PROGRAM_WIDTH = 14;
const METHOD_WIDTH = 4;
const SIZE_WIDTH = 9;
const DURATION_WIDTH = 8;

/** Undefined for what is no line of its own: a flow that begins, one whose exchanges were told. */
export function entryLine(entry: Entry, style: LineStyle): string | undefined {
  switch (entry.kind) {
    case "exchange":
      return exchangeLine(entry, style);
    case "message":
      return messageLine(entry, style);
    case "flow end":
      return entry.isHttp ? undefined : flowEndLine(entry, style);
    default:
      return undefined;
  }
}

/** `12:31:19.701 nginx[11747]  GET  200  163 B  0.16 ms  shop.example.com /v1/items  application/json  h2`. */
function exchangeLine(exchange: Exchange, { paint, showsSecrets, timeBaseMs }: LineStyle): string {
  const { method, status, responseBytes, requestBytes, host, type, startNs, endNs } = exchange;
  const size = responseBytes > 0 || requestBytes === 0 ? responseBytes : requestBytes;
  const target = showsSecrets ? exchange.target : withoutSecrets(exchange.target);
  const notes = [
    ...type === "" ? [] : [visible(type)],
    ...exchange.version === "HTTP/2" ? ["h2"] : [],
    ...grpcNote(exchange),
    ...exchange.cut === "" ? [] : [paint.red(`cut: ${exchange.cut}`)],
  ];
  const columns = [
    paint.dim(clockTime(timeBaseMs + startNs / 1e6)),
    padEnd(programName(exchange), PROGRAM_WIDTH),
    "",
    paint.bold(padEnd(visible(method), METHOD_WIDTH)),
    paintStatus(paint, status),
    "",
    padEnd(formatBytes(size), SIZE_WIDTH),
    padEnd(formatMs((endNs - startNs) / 1e6), DURATION_WIDTH),
    "",
    `${visible(host)} ${visible(pathOf(target))}`,
  ];
  return [columns.join(" "), ...notes].join("  ");
}

/** Targets of proxies name the host again. */
export const pathOf = (target: string): string => target.replace(/^https?:\/\/[^/]+/, "") || target;

function grpcNote({ type, responseTrailers, responseHead }: Exchange): string[] {
  if (!type.startsWith("application/grpc")) return [];
  const status = responseTrailers.get("grpc-status") || responseHead.get("grpc-status");
  return status === "" ? [] : [`grpc-status ${visible(status)}`];
}

function paintStatus(paint: Paint, status: number): string {
  if (status === 0) return paint.red("---");
  const text = String(status).padStart(3);
  return status >= 500 ? paint.red(text) : status >= 400 ? paint.yellow(text) : paint.green(text);
}

/** `12:31:20.010 psql[990]  raw  db.internal:5432  312 B to server, 4.1 KiB to client`. */
function flowEndLine({ flow, startNs, toServer, toClient }: FlowEntry, style: LineStyle): string {
  const { paint, timeBaseMs } = style;
  const host = flow.sni === "" ? addressOf(flow.server) : `${visible(flow.sni)}:${flow.server.port}`;
  const alpn = flow.alpn === "" ? "" : `  ${visible(flow.alpn)}`;
  return `${paint.dim(clockTime(timeBaseMs + startNs / 1e6))} ${
    padEnd(programName({ flow }), PROGRAM_WIDTH)
  }  ` +
    `${padEnd("raw", METHOD_WIDTH)} ${host}  ${formatBytes(toServer)} to server, ${
      formatBytes(toClient)
    } to client${alpn}`;
}

const addressOf = ({ ip, port }: { ip: string; port: number }): string =>
  ip.includes(":") ? `[${ip}]:${port}` : `${ip}:${port}`;

/** `12:31:21.100 curl[4711]  ws   →  text  1.2 KiB  chat.example.org`. */
function messageLine(message: SocketMessage, { paint, timeBaseMs }: LineStyle): string {
  const { flow, startNs, isToServer, opcode, lengthBytes, cut } = message;
  const kind = opcode === 1 ? "text" : opcode === 2 ? "binary" : opcode === 8 ? "close" : `opcode ${opcode}`;
  return `${paint.dim(clockTime(timeBaseMs + startNs / 1e6))} ${
    padEnd(programName(message), PROGRAM_WIDTH)
  }  ` +
    `${padEnd("ws", METHOD_WIDTH)} ${isToServer ? ">" : "<"} ${kind}  ${formatBytes(lengthBytes)}  ` +
    `${visible(flow.sni) || addressOf(flow.server)}${cut === "" ? "" : `  ${paint.red(`cut: ${cut}`)}`}`;
}

/** `nginx[11747]`. */
export function programName({ flow }: { readonly flow: Entry["flow"] }): string {
  return `${visible(flow.program)}[${flow.pid}]`;
}

/** `12:31:19.701`, local time. */
export function clockTime(timeMs: number): string {
  const date = new Date(timeMs);
  const two = (value: number) => String(value).padStart(2, "0");
  const ms = String(date.getMilliseconds()).padStart(3, "0");
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${ms}`;
}

/** `0.16 ms`, `4.1 ms`, `41 ms`, `30.0 s`. */
export function formatMs(ms: number): string {
  if (ms < 1) return `${ms.toFixed(2)} ms`;
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  return `${(ms / 1000).toFixed(1)} s`;
}
