// SPDX-License-Identifier: MIT
/** Questions as they come over a connection: heads of HTTP/1 without a body. @module */
import { Buffer } from "node:buffer";

/** Tokens, cookies that a browser has for other ports of this host, and a filter in the target. */
const HEAD_BYTES_MAX = 64 * 1024;
/** With a proxy's form of the target, in which the name is there once more. */
const LINE = /^([A-Z]{1,20}) (?:http:\/\/[^\s/?#]+)?(\/\S*) HTTP\/1\.([01])$/;
/** In place of one that is not said. */
const HOST_DEFAULT = "localhost";
const NO_HOST = /[\s/?#@\\]/;
const FIELD = /^([!#$%&'*+.^_`|~\w-]+):[ \t]*(.*?)[ \t]*$/;

/** What was asked, or with which status it is refused. */
export interface Question {
  readonly request?: Request;
  readonly status: number;
  /** HTTP/1.0, which has no chunks. */
  readonly isOld: boolean;
}

/** Reads one. Rejects when the connection ends before it is whole. */
export async function readQuestion(
  connection: { read(bytes: Uint8Array): Promise<number | null> },
): Promise<Question> {
  const bytes = new Uint8Array(HEAD_BYTES_MAX);
  for (let length = 0; length < bytes.length;) {
    const read = await connection.read(bytes.subarray(length));
    if (read === null) throw new Error("the connection ended before a question was whole");
    const end = endOfHead(bytes, Math.max(0, length - 3), length + read);
    if (end >= 0) return parsed(Buffer.from(bytes.buffer, 0, end).toString("latin1"));
    length += read;
  }
  return { status: 431, isOld: false };
}

/** Where the empty line begins, -1: it is not there. */
function endOfHead(bytes: Uint8Array, from: number, to: number): number {
  for (let at = from; at + 4 <= to; at++) {
    if (bytes[at] === 13 && bytes[at + 1] === 10 && bytes[at + 2] === 13 && bytes[at + 3] === 10) return at;
  }
  return -1;
}

function parsed(head: string): Question {
  const [first, ...lines] = head.split("\r\n");
  const [, method, target, minor] = LINE.exec(first) ?? [];
  const isOld = minor === "0";
  const headers = headersOf(lines);
  const host = headers?.get("host") ?? (isOld ? HOST_DEFAULT : undefined);
  const url = `http://${host || HOST_DEFAULT}${target}`;
  if (method === undefined || headers === undefined || host === undefined) return { status: 400, isOld };
  if (NO_HOST.test(host) || !URL.canParse(url)) return { status: 400, isOld };
  try {
    return { request: new Request(url, { method, headers }), status: 200, isOld };
  } catch {
    return { status: 405, isOld };
  }
}

/** Undefined where a line is no field, or readers may differ about what it says. */
function headersOf(lines: readonly string[]): Headers | undefined {
  const headers = new Headers();
  for (const line of lines) {
    const [, name, value] = FIELD.exec(line) ?? [];
    // deno-lint-ignore no-control-regex
    if (name === undefined || /[\0-\x08\x0a-\x1f]/.test(value)) return undefined;
    if (headers.has(name) && /^(host|authorization|origin)$/i.test(name)) return undefined;
    headers.append(name, value);
  }
  return headers;
}
