// SPDX-License-Identifier: MIT
/** An exchange with its heads, and its bodies as they can be read, fit for a terminal. @module */
import { type PlainBody, plainBody } from "../net/view/body.ts";
import {
  type Entry,
  type Exchange,
  type Field,
  type HeadText,
  type KeptBody,
  REMARK_TEXTS,
  type SocketMessage,
} from "../net/view/exchange.ts";
import { shownField, withoutSecrets } from "../net/view/secrets.ts";
import { visible } from "../net/wire/printable.ts";
import { bodyLines } from "./body_text.ts";
import { clockTime, entryLine, formatMs, type LineStyle, programName } from "./request_lines.ts";

/** Several lines, without the end of the last; undefined for what is nothing of its own. */
export function entryText(entry: Entry, style: LineStyle, showsBodies: boolean): string | undefined {
  if (entry.kind === "exchange") return exchangeText(entry, style, showsBodies);
  const line = entryLine(entry, style);
  if (entry.kind !== "message" || !showsBodies) return line;
  return [line, ...messageLines(entry)].join("\n");
}

function exchangeText(exchange: Exchange, style: LineStyle, showsBodies: boolean): string {
  const { paint } = style;
  const request = section(">", exchange.requestHead, exchange.requestTrailers, style);
  const response = section("<", exchange.responseHead, exchange.responseTrailers, style);
  const lines = [
    paint.bold(headline(exchange, style)),
    ...exchange.requestHead.firstLine === "" ? [] : request.head,
  ];
  if (showsBodies) lines.push(...body(">", exchange.requestHead, exchange.requestBody));
  lines.push(...request.trailers);
  const took = formatMs((exchange.endNs - exchange.startNs) / 1e6);
  if (exchange.status === 0) lines.push(`< ${paint.red("no response")}  ${took}`);
  else {
    const [first, ...rest] = response.head;
    lines.push(`${first}  ${paint.dim(took)}`, ...rest);
  }
  if (showsBodies) lines.push(...body("<", exchange.responseHead, exchange.responseBody));
  lines.push(...response.trailers);
  if (exchange.cut !== "") lines.push(paint.red(`  cut: ${exchange.cut}`));
  for (const remark of exchange.remarks) lines.push(paint.yellow(`  ${REMARK_TEXTS[remark]}`));
  return `${lines.join("\n")}\n`;
}

/** `── 12:31:19.701 nginx[11747] uid 65534  127.0.0.1:41674 > 127.0.0.1:30020  shop.example.com TLS 1.3 http/1.1`. */
function headline(exchange: Exchange, { timeBaseMs }: LineStyle): string {
  const { flow, startNs, host } = exchange;
  const address = ({ ip, port }: { ip: string; port: number }) =>
    ip.includes(":") ? `[${ip}]:${port}` : `${ip}:${port}`;
  const tls = flow.tls === "-" ? "" : ` TLS ${visible(flow.tls)}`;
  const alpn = flow.alpn === "" ? "" : ` ${visible(flow.alpn)}`;
  return `── ${clockTime(timeBaseMs + startNs / 1e6)} ${programName(exchange)} uid ${flow.uid}  ` +
    `${address(flow.client)} > ${address(flow.server)}  ${visible(host)}${tls}${alpn}`;
}

function section(sign: string, head: HeadText, trailers: HeadText, style: LineStyle) {
  const field = (given: Field) => {
    const [name, value] = shownField(given, style.showsSecrets);
    return `${sign} ${style.paint.blue(visible(name))}: ${visible(value)}`;
  };
  const first = style.showsSecrets ? head.firstLine : withoutSecrets(head.firstLine);
  return {
    head: [`${sign} ${style.paint.bold(visible(first))}`, ...head.fields.map(field), sign],
    trailers: trailers.fields.map(field),
  };
}

function body(sign: string, head: HeadText, kept: KeptBody): string[] {
  if (kept.bytes.length === 0 && kept.missingBytes === 0) return [];
  const plain = plainBody(head, kept);
  const lines = bodyLines(plain.bytes, head.get("content-type")).map((line) => `${sign} ${line}`);
  const note = bodyNote(plain, kept);
  if (note !== "") lines.push(`${sign} (${note})`);
  return [...lines, sign];
}

/** `163 bytes, gzip → 180`. */
function bodyNote({ bytes, codings, trouble }: PlainBody, kept: KeptBody): string {
  const size = `${kept.bytes.length + kept.missingBytes} bytes`;
  const decoded = codings.length > 0 ? `${size}, ${codings.join(", ")} → ${bytes.length}` : "";
  // Names of codings are the peer's words.
  return visible([decoded || (trouble ? size : ""), trouble].filter(Boolean).join("; "));
}

function messageLines({ body, opcode, isToServer }: SocketMessage): string[] {
  const sign = isToServer ? ">" : "<";
  const lines = bodyLines(body.bytes, opcode === 1 ? "text/plain" : "application/octet-stream");
  const rest = body.missingBytes > 0 ? [`${sign} (${body.missingBytes} bytes more were not kept)`] : [];
  return [...lines.map((line) => `${sign} ${line}`), ...rest];
}
