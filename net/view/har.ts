// SPDX-License-Identifier: MIT
/**
 * Exchanges as an HTTP archive (HAR 1.2), which browsers' tools read. The file is whole after every batch: what closes it is written
 * behind the last entry, and the next entry takes its place.
 *
 * @module
 */
import { systemError } from "../ffi/system_error.ts";
import { plainBody } from "./body.ts";
import { absoluteTime } from "./clock.ts";
import type { Entry, Exchange, Field, HeadText, KeptBody } from "./exchange.ts";
import { type Rotation, TextFile } from "./line_output.ts";
import { HIDDEN, isSecret, shownField, withoutSecrets } from "./secrets.ts";
import type { EntryReader } from "./view.ts";

export interface HarWriterOptions {
  readonly path: string;
  readonly rotation: Rotation;
  readonly version: string;
  readonly showsSecrets: boolean;
  readonly warn: (message: string) => void;
}

const encoder = new TextEncoder();

const SEPARATOR = encoder.encode(",\n");

/** Text that waits to be written together: bodies are large, and a batch may bring thousands of them. */
const WAITING_LETTERS_MAX = 1024 * 1024;

export class HarWriter implements EntryReader {
  readonly #options: HarWriterOptions;
  readonly #head: Uint8Array;
  #file: TextFile | undefined;
  #timeBaseNs = 0n;
  #entries: string[] = [];
  #waitingLetters = 0;
  #missed = 0;
  #hasEntries = false;
  /** Bytes of what closes the file, as it stands there. */
  #tailBytes = 0;

  /** Throws when the file cannot be opened. */
  constructor(options: HarWriterOptions) {
    this.#options = options;
    const creator = JSON.stringify({ name: "sslcollector", version: options.version });
    this.#head = encoder.encode(`{"log":{"version":"1.2","creator":${creator},"pages":[],"entries":[\n`);
    this.#file = new TextFile(options.path, options.rotation, options.warn);
    if (!this.#file.isRegular) throw new Error(`${options.path} is no file, whose end can be written anew`);
    this.#begin(this.#file);
  }

  begin(timeBaseNs: bigint): void {
    this.#timeBaseNs = timeBaseNs;
  }

  take(entry: Entry): void {
    if (entry.kind !== "exchange" || this.#file === undefined) return;
    const text = JSON.stringify(harEntry(entry, this.#timeBaseNs, this.#options.showsSecrets));
    this.#entries.push(text);
    this.#waitingLetters += text.length;
    if (this.#waitingLetters > WAITING_LETTERS_MAX) this.flush();
  }

  missed(count: number): void {
    this.#missed += count;
  }

  flush(): void {
    if (this.#entries.length === 0 || this.#file === undefined) return;
    const text = this.#entries.join(",\n");
    const count = this.#entries.length;
    this.#entries = [];
    this.#waitingLetters = 0;
    try {
      this.#write(this.#file, encoder.encode(text));
    } catch (error) {
      this.#missed += count;
      this.#options.warn(`${this.#options.path}: writing stopped: ${systemError(error).text}`);
      this.#file.close();
      this.#file = undefined;
    }
  }

  close(): void {
    this.flush();
    try {
      // What was missed last is told too.
      if (this.#file !== undefined && this.#missed > 0) this.#close(this.#file);
      this.#file?.close();
    } catch {
      // It was told when it failed.
    }
    this.#file = undefined;
  }

  #write(file: TextFile, entries: Uint8Array): void {
    this.#follow(file);
    if (this.#hasEntries && file.isDue(entries.length)) {
      file.rotate();
      this.#begin(file);
    }
    const lengthBytes = file.bytes - this.#tailBytes;
    file.cut(lengthBytes);
    try {
      if (this.#hasEntries) file.append(SEPARATOR);
      file.append(entries);
      this.#end(file);
    } catch (error) {
      // What was there before had room, too.
      file.cut(lengthBytes);
      this.#end(file);
      throw error;
    }
    this.#hasEntries = true;
  }

  #begin(file: TextFile): void {
    this.#hasEntries = false;
    file.append(this.#head);
    this.#end(file);
  }

  /** Begins anew where others have moved or cut what was written; answers whether they have. */
  #follow(file: TextFile): boolean {
    if (!file.followPath()) return false;
    file.cut(0);
    this.#begin(file);
    return true;
  }

  #close(file: TextFile): void {
    if (this.#follow(file)) return;
    file.cut(file.bytes - this.#tailBytes);
    this.#end(file);
  }

  #end(file: TextFile): void {
    const comment = this.#missed === 0
      ? ""
      : `,"comment":${
        JSON.stringify(`${this.#missed} exchanges are missing: they came faster than they could be read`)
      }`;
    const tail = encoder.encode(`\n]${comment}}}\n`);
    file.append(tail);
    this.#tailBytes = tail.length;
  }
}

/** A whole archive of these. */
export function harText(
  exchanges: Iterable<Exchange>,
  { version, timeBaseNs, showsSecrets }: {
    readonly version: string;
    readonly timeBaseNs: bigint;
    readonly showsSecrets: boolean;
  },
): string {
  const entries = Array.from(exchanges, (exchange) => harEntry(exchange, timeBaseNs, showsSecrets));
  return JSON.stringify({
    log: { version: "1.2", creator: { name: "sslcollector", version }, pages: [], entries },
  });
}

/** An entry of the archive, for `JSON.stringify`. */
function harEntry(exchange: Exchange, timeBaseNs: bigint, showsSecrets: boolean): Record<string, unknown> {
  const { flow, startNs, responseNs, endNs, cut } = exchange;
  const wait = exchange.status === 0 ? endNs - startNs : responseNs - startNs;
  const receive = exchange.status === 0 ? 0 : endNs - responseNs;
  return {
    startedDateTime: new Date(Number(absoluteTime(timeBaseNs, startNs) / 1_000_000n)).toISOString(),
    time: (wait + receive) / 1e6,
    request: harRequest(exchange, showsSecrets),
    response: harResponse(exchange, showsSecrets),
    cache: {},
    timings: {
      blocked: -1,
      dns: -1,
      connect: -1,
      ssl: -1,
      send: 0,
      wait: wait / 1e6,
      receive: receive / 1e6,
    },
    serverIPAddress: flow.server.ip,
    connection: String(flow.id),
    ...cut === "" ? {} : { comment: `cut: ${cut}` },
    _program: flow.program,
    _pid: flow.pid,
    _uid: flow.uid,
    _role: flow.role,
  };
}

function harRequest(exchange: Exchange, showsSecrets: boolean): Record<string, unknown> {
  const { requestHead, requestBytes, requestBody, version } = exchange;
  const url = urlOf(exchange);
  const type = requestHead.get("content-type");
  return {
    method: exchange.method,
    url: showsSecrets ? url : withoutSecrets(url),
    httpVersion: version,
    cookies: cookies(requestHead, "cookie", showsSecrets),
    headers: headers(requestHead, showsSecrets),
    queryString: queryOf(showsSecrets ? url : withoutSecrets(url)),
    ...requestBytes === 0
      ? {}
      : { postData: { mimeType: type, params: [], ...bodyText(plainBody(requestHead, requestBody).bytes) } },
    headersSize: -1,
    bodySize: requestBytes,
  };
}

function harResponse(exchange: Exchange, showsSecrets: boolean): Record<string, unknown> {
  const { responseHead, responseBytes, responseBody, status, version } = exchange;
  const location = responseHead.get("location");
  return {
    status,
    statusText: version === "HTTP/2" ? "" : responseHead.firstLine.split(" ").slice(2).join(" "),
    httpVersion: version,
    cookies: cookies(responseHead, "set-cookie", showsSecrets),
    headers: headers(responseHead, showsSecrets),
    content: contentOf(responseHead, responseBody, responseBytes),
    redirectURL: showsSecrets ? location : withoutSecrets(location),
    headersSize: -1,
    bodySize: responseBytes,
  };
}

/** With its scheme: what is mirrored was encrypted. */
function urlOf({ target, host, method }: Exchange): string {
  if (/^https?:\/\//i.test(target)) return target;
  if (method === "CONNECT") return `https://${target}`;
  return `https://${host}${target.startsWith("/") ? "" : "/"}${target}`;
}

function headers(head: HeadText, showsSecrets: boolean): { name: string; value: string }[] {
  return head.fields.map((field) => {
    const [name, value] = shownField(field, showsSecrets);
    return { name, value };
  });
}

function cookies(head: HeadText, name: string, showsSecrets: boolean): { name: string; value: string }[] {
  const lines = head.fields.filter(([given]) => given.toLowerCase() === name).map(([, value]) => value);
  const pairs = lines.flatMap((line) => name === "cookie" ? line.split(";") : [line.split(";")[0]]);
  return pairs.map((pair): Field => {
    const at = pair.indexOf("=");
    return at < 0 ? [pair.trim(), ""] : [pair.slice(0, at).trim(), pair.slice(at + 1).trim()];
  }).map(([cookie, value]) => ({ name: cookie, value: showsSecrets || !isSecret(name) ? value : HIDDEN }));
}

function queryOf(url: string): { name: string; value: string }[] {
  const query = url.split("#")[0].split("?").slice(1).join("?");
  return [...new URLSearchParams(query)].map(([name, value]) => ({ name, value }));
}

/** `size` is that of the body without its codings, as far as it is known. */
function contentOf(head: HeadText, body: KeptBody, lengthBytes: number): Record<string, unknown> {
  const mimeType = head.get("content-type");
  if (body.bytes.length === 0) {
    const comment = lengthBytes > 0 ? { comment: "the body was not kept" } : {};
    return { size: lengthBytes, mimeType, ...comment };
  }
  const plain = plainBody(head, body);
  const size = plain.trouble === "" ? plain.bytes.length : lengthBytes;
  return {
    size,
    ...plain.trouble === "" && size > lengthBytes ? { compression: size - lengthBytes } : {},
    mimeType,
    ...bodyText(plain.bytes),
    ...plain.trouble === "" ? {} : { comment: plain.trouble },
  };
}

/** As text where it is UTF-8 of which JSON makes no more than about twice as much, else in base64. */
function bodyText(bytes: Uint8Array): { text: string; encoding?: "base64" } {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    if (!hasManyControls(text)) return { text };
  } catch {
    // No UTF-8.
  }
  return { text: bytes.toBase64(), encoding: "base64" };
}

/** Of those that JSON writes in six letters. */
function hasManyControls(text: string): boolean {
  let controls = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code < 0x20 && code !== 9 && code !== 10 && code !== 13) controls++;
  }
  return controls > text.length / 64;
}
