// SPDX-License-Identifier: MIT
/** A request as a command of curl, for a shell. @module */
import { textOf } from "../body_text.ts";
import { plainBody } from "../../net/view/body.ts";
import type { Exchange } from "../../net/view/exchange.ts";
import { HIDDEN } from "../../net/view/secrets.ts";

/** Fields that curl makes itself, or that are of the connection: theirs would contradict what it sends. */
const OWN = new Set([
  "host",
  "content-length",
  "transfer-encoding",
  "connection",
  "keep-alive",
  "proxy-connection",
  "upgrade",
  "te",
  "expect",
  "accept-encoding",
  "content-encoding",
]);
/** RFC 9110, section 5.6.2. What is none could be an order to curl, such as @FILE. */
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const HOST = /^(?:[\w.-]+|\[[0-9A-Fa-f:.]+\])(?::\d+)?$/;
/** What curl takes in a URL; anything else it is told apart from that. */
const PATH = /^\/[\x21-\x7e]*$/;
/** Of a body that is given on the command line. */
const BODY_LETTERS_MAX = 64 * 1024;

/**
 * Lines; what could not be put into it is said in comments behind it, in which a peer's words are quoted: to zsh they are no comments
 * where it is used by hand.
 */
export function curlCommand(exchange: Exchange): string {
  const { requestHead, flow, target } = exchange;
  const remarks: string[] = [];
  const { server } = flow;
  const ip = server.ip.includes(":") ? `[${server.ip}]` : server.ip;
  const isUsable = HOST.test(exchange.host);
  const host = isUsable
    ? exchange.host
    : `${flow.sni !== "" && HOST.test(flow.sni) ? flow.sni : ip}:${server.port}`;
  const path = target.replace(/^https?:\/\/[^/]*/i, "") || "/";
  const isPlain = PATH.test(path);
  const options = [
    `curl ${shellWord(`https://${host}${isPlain ? path : "/"}`)}`,
    "--globoff --path-as-is",
    ...isPlain ? [] : [`--request-target ${shellWord(path)}`],
    ...exchange.version === "HTTP/2" ? ["--http2"] : ["--http1.1"],
    ...method(exchange),
    ...isUsable ? [] : [`--header ${shellWord(`Host: ${exchange.host}`)}`],
  ];
  for (const [name, value] of requestHead.fields) {
    const lower = name.toLowerCase();
    if (lower === "accept-encoding") options.push("--compressed");
    if (OWN.has(lower) || name.startsWith(":")) continue;
    if (!TOKEN.test(name)) remarks.push("a field whose name is no token is left out");
    else if (value.includes(HIDDEN)) {
      remarks.push(`${shellWord(name)} is left out: the agent hides secrets without --show-secrets`);
    } else options.push(`--header ${shellWord(value === "" ? `${name};` : `${name}: ${value}`)}`);
  }
  if (target.includes("‹hidden›")) {
    remarks.push("parameters of the URL are hidden: the agent needs --show-secrets");
  }
  options.push(...body(exchange, remarks));
  return [options.join(" \\\n  "), ...remarks.map((remark) => `# ${remark}`), ""].join("\n");
}

function method({ method, requestBytes }: Exchange): string[] {
  if (method === "HEAD") return ["--head"];
  const usual = requestBytes > 0 ? "POST" : "GET";
  return method === usual || method === "-" ? [] : [`--request ${shellWord(method)}`];
}

function body({ requestHead, requestBody, requestBytes }: Exchange, remarks: string[]): string[] {
  if (requestBytes === 0) return [];
  const { bytes, trouble } = plainBody(requestHead, requestBody);
  const text = trouble === "" ? textOf(bytes) : undefined;
  const isExact = text !== undefined && new TextEncoder().encode(text).length === bytes.length;
  if (isExact && text.length <= BODY_LETTERS_MAX && !text.includes("\0")) {
    return [`--data-raw ${shellWord(text)}`];
  }
  const reason = trouble === "" ? "it is no text, or too long" : shellWord(trouble);
  remarks.push(`its body of ${requestBytes} bytes is left out: ${reason}`);
  return [];
}

/** One word for bash, zsh and ksh, without characters that could change what a terminal shows. */
export function shellWord(text: string): string {
  if (/^[\w.,:/@%+=-]+$/.test(text)) return text;
  if (/^[\x20-\x7e]*$/.test(text)) return `'${text.replaceAll("'", "'\\''")}'`;
  const bytes = new TextEncoder().encode(text);
  return `$'${Array.from(bytes, escapedByte).join("")}'`;
}

function escapedByte(byte: number): string {
  if (byte === 0x0a) return "\\n";
  const letter = String.fromCharCode(byte);
  if (byte < 0x20 || byte > 0x7e) return `\\${byte.toString(8).padStart(3, "0")}`;
  return letter === "'" || letter === "\\" ? `\\${letter}` : letter;
}
