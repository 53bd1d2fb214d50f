// SPDX-License-Identifier: MIT
/**
 * The page's server, `--ui`: the page itself to whoever asks, and what was seen to who has the token.
 *
 * ```
 * /  /page.js  /page.css  /icon.svg    the page: has no secrets
 * /api/status                          the report, and samples of the last hour
 * /api/rows?filter=EXPRESSION          a line of JSON for each batch of rows, without end
 * /api/detail?row=N                    heads, timing, flow
 * /api/body?row=N&side=request         the body, decoded, as bytes of no type
 * /api/har?row=N  /api/har?flow=N      HTTP archive
 * /api/pcapng?flow=N                   a capture of a connection
 * ```
 *
 * @module
 */
import { BadFilter } from "../filter/expression.ts";
import type { StatusReport } from "../status/report.ts";
import { type Filter, parseFilterFor } from "../view/filter.ts";
import { harText } from "../view/har.ts";
import { Followers } from "../view/followers.ts";
import { LogReader } from "../view/log_reader.ts";
import type { Entry, Exchange } from "../view/exchange.ts";
import { bodyOf, detailOf } from "./detail.ts";
import { captureOf } from "./flow_capture.ts";
import type { Guard, Refusal } from "./guard.ts";
import { History, SAMPLE_MS } from "./history.ts";
import type { FilterMistake, StatusMessage } from "./messages.ts";
import { RowStream } from "./row_stream.ts";
import { type PageLog, RowFeed } from "./rows.ts";

/** What the page shows. */
export interface PageSubject {
  /** Absent where there is nothing at work: what is shown was written before. */
  report?(): StatusReport;
  /** Absent where no requests are seen. */
  readonly log?: PageLog;
  /** Who follows the log; absent where nobody says when there is something new. */
  readonly followers?: Followers;
  /** Bytes of each body that are kept. */
  readonly bodyBytes: number;
  readonly version: string;
}

/** A file of the page. */
export interface PageFile {
  readonly type: string;
  readonly text: string;
}

const HEADERS = {
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; " +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "cache-control": "no-store",
};
/** Open lists at a time: each reads the log for itself. */
const STREAMS_MAX = 16;

export class PageServer {
  readonly #guard: Guard;
  readonly #files: ReadonlyMap<string, PageFile>;
  readonly #history = new History();
  readonly #streams = new Set<RowStream>();
  #subject: PageSubject | undefined;
  #followers = new Followers();
  #sampling: ReturnType<typeof setInterval> | undefined;

  constructor(guard: Guard, files: ReadonlyMap<string, PageFile>) {
    this.#guard = guard;
    this.#files = files;
  }

  /** There is something to show now. */
  begin(subject: PageSubject): void {
    this.#subject = subject;
    this.#followers = subject.followers ?? this.#followers;
    const sample = () => this.#history.add(subject.report!());
    if (subject.report === undefined) return;
    sample();
    this.#sampling = setInterval(sample, SAMPLE_MS);
  }

  /** Ends answers that have no end. */
  close(): void {
    clearInterval(this.#sampling);
    for (const stream of this.#streams) stream.end();
  }

  readonly answer = (request: Request): Response => {
    const refusal = this.#guard.refusal(request);
    if (refusal !== undefined) return refused(refusal);
    if (request.method !== "GET" && request.method !== "HEAD") {
      return refused({ status: 405, text: "only GET and HEAD" });
    }
    const url = new URL(request.url);
    const file = this.#files.get(url.pathname);
    if (file !== undefined) return answer(file.text, file.type);
    if (!url.pathname.startsWith("/api/")) return refused({ status: 404, text: "there is the page at /" });
    const dataRefusal = this.#guard.dataRefusal(request);
    if (dataRefusal !== undefined) return refused(dataRefusal);
    if (this.#subject === undefined) return refused({ status: 503, text: "starting" });
    return this.#data(url, this.#subject);
  };

  #data({ pathname, searchParams }: URL, subject: PageSubject): Response {
    if (pathname === "/api/status") return json(this.#status(subject));
    const { log } = subject;
    if (log === undefined) return refused({ status: 404, text: "no requests are seen here" });
    const row = numberIn(searchParams, "row");
    switch (pathname) {
      case "/api/rows":
        return this.#rows(log, searchParams.get("filter") ?? "");
      case "/api/detail": {
        const detail = detailOf(log, row);
        return detail === undefined ? refused(GONE) : json(detail);
      }
      case "/api/body": {
        const body = bodyOf(log, row, searchParams.get("side") === "request" ? "request" : "response");
        return body === undefined ? refused(GONE) : answer(body.bytes, "application/octet-stream");
      }
      case "/api/har":
        return harOf(log, subject.version, row, numberIn(searchParams, "flow"));
      case "/api/pcapng": {
        const found = exchangesOf(log, numberIn(searchParams, "flow"));
        if (found.length === 0) return refused(GONE);
        return answer(captureOf(found, log, subject.version), "application/x-pcapng");
      }
      default:
        return refused({ status: 404, text: "there is no such thing" });
    }
  }

  #status(subject: PageSubject): StatusMessage {
    const report = subject.report?.();
    return {
      report,
      samples: report === undefined ? [] : this.#history.upTo(report),
      hasRows: subject.log !== undefined,
      bodyBytes: subject.bodyBytes,
      showsSecrets: subject.log?.showsSecrets ?? false,
    };
  }

  #rows(log: PageLog, expression: string): Response {
    let filter: Filter | undefined;
    try {
      filter = expression.trim() === "" ? undefined : parseFilterFor(expression, log);
    } catch (error) {
      if (!(error instanceof BadFilter)) throw error;
      const mistake: FilterMistake = { message: error.message, position: error.position };
      return json(mistake, 400);
    }
    if (this.#streams.size >= STREAMS_MAX) {
      return refused({ status: 429, text: `${STREAMS_MAX} lists are open already` });
    }
    const stream = new RowStream(
      new RowFeed(log, filter),
      this.#followers,
      () => this.#streams.delete(stream),
    );
    this.#streams.add(stream);
    return answer(new ReadableStream(stream, { highWaterMark: 0 }), "application/x-ndjson; charset=utf-8");
  }
}

const GONE: Refusal = {
  status: 410,
  text: "it has left the exchange log: there was more than it has room for",
};

const isExchange = (entry: Entry | undefined): entry is Exchange => entry?.kind === "exchange";

/** All of a connection that are in the log, by when they began: who reads a sample has some read before others. */
const exchangesOf = (
  log: PageLog,
  flow: number,
): Exchange[] =>
  [
    ...new LogReader(log).ended().filter((entry) => entry.flow.id === flow).filter(isExchange),
  ].sort((one, other) => one.startNs - other.startNs);

/** One exchange, or all of a connection. */
function harOf(log: PageLog, version: string, row: number, flow: number): Response {
  const found = row >= 0 ? [new LogReader(log).entry(row)].filter(isExchange) : exchangesOf(log, flow);
  if (found.length === 0) return refused(GONE);
  return answer(harText(found, { ...log, version }), "application/json");
}

/** NaN where there is none: no row has it. */
function numberIn(parameters: URLSearchParams, name: string): number {
  const text = parameters.get(name) ?? "";
  return /^\d{1,15}$/.test(text) ? Number(text) : NaN;
}

const json = (value: unknown, status = 200) => answer(JSON.stringify(value), "application/json", status);

function refused({ status, text }: Refusal): Response {
  return answer(`${text}\n`, "text/plain; charset=utf-8", status, REFUSALS[status]);
}

const REFUSALS: Readonly<Record<number, Readonly<Record<string, string>>>> = {
  401: { "www-authenticate": "Bearer" },
  405: { allow: "GET, HEAD" },
};

function answer(
  body: BodyInit,
  type: string,
  status = 200,
  more: Readonly<Record<string, string>> = {},
): Response {
  return new Response(body, { status, headers: { ...HEADERS, "content-type": type, ...more } });
}
