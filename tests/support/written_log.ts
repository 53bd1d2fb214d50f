// SPDX-License-Identifier: MIT
/** An exchange log that is written without a mirror: many exchanges, and those that look like a shop's. */
import { TO_CLIENT } from "../../codecs/direction.ts";
import type { PageSubject } from "../../net/page/server.ts";
import { ExchangeLog } from "../../net/view/exchange_log.ts";
import { type FlowFacts, UNKNOWN_FLOW } from "../../net/view/flow_facts.ts";
import { Mark, Protocol, RowKind } from "../../net/view/log_layout.ts";
import { agentReport } from "./page_harness.ts";

interface Written {
  readonly request: string;
  readonly response: string;
  readonly status: number;
  readonly startMs: number;
  readonly ms: number;
  readonly body?: string;
}

const encoder = new TextEncoder();

class LogWriter {
  readonly log: ExchangeLog;

  /** A log has a power of two of rows, and 1,184 bytes for each. */
  constructor(rows: number) {
    this.log = new ExchangeLog(1200 * 2 ** Math.ceil(Math.log2(rows)), 64 * 1024);
  }

  flow(facts: Partial<FlowFacts>): number {
    return this.log.text(...this.#text(`${JSON.stringify({ ...UNKNOWN_FLOW, ...facts })}\n`));
  }

  exchange(flowAt: number, { request, response, status, startMs, ms, body = "" }: Written): void {
    const { log } = this;
    const [startNs, endNs] = [startMs * 1e6, (startMs + ms) * 1e6];
    const row = log.begin(RowKind.EXCHANGE, Protocol.HTTP_1_1, flowAt, startNs);
    log.requestHead(row, ...this.#text(request));
    log.messageEnd(row, Mark.REQUEST_ENDED, startNs);
    log.responseHead(row, status, ...this.#text(response), startNs + 0.8 * (endNs - startNs));
    if (body !== "") log.body(row, TO_CLIENT, ...this.#text(body), endNs);
    log.messageEnd(row, Mark.RESPONSE_ENDED, endNs);
  }

  subject(timeBaseMs: number): PageSubject {
    const timeBaseNs = BigInt(timeBaseMs) * 1_000_000n;
    return {
      report: agentReport,
      log: { ...this.log.readable, timeBaseNs, showsSecrets: false, portMap: new Map() },
      bodyBytes: 64 * 1024,
      version: "1",
    };
  }

  #text(value: string): [bytes: Uint8Array, start: number, end: number] {
    const bytes = encoder.encode(value);
    return [bytes, 0, bytes.length];
  }
}

const heads = (...lines: string[]) => lines.map((line) => `${line}\r\n`).join("");

/** So many exchanges, `/item/0` and on. */
export function filledLog(rows: number): PageSubject {
  const writer = new LogWriter(rows);
  const flow = writer.flow({ id: 1, program: "curl", pid: 4711 });
  for (let at = 0; at < rows; at++) {
    const request = heads(`GET /item/${at} HTTP/1.1`, "Host: shop.example.com");
    const response = heads("HTTP/1.1 200 OK", "Content-Type: text/html");
    writer.exchange(flow, { request, response, status: at % 10 === 0 ? 404 : 200, startMs: at, ms: 0.3 });
  }
  return writer.subject(1_700_000_000_000);
}

const SHOP_TIME_MS = Date.UTC(2026, 0, 15, 12, 31, 19);

/** What a shop's server and its clients did for some seconds, for pictures. */
export function shopLog(): PageSubject {
  const writer = new LogWriter(1024);
  const peers = {
    client: { ip: "10.0.0.7", port: 41_674 },
    server: { ip: "10.0.0.11", port: 443 },
    communityId: "1:mp9CMZV5bLM4hC7qRkOgxqHwrm0=",
    attribution: "hello",
    tls: "1.3",
    alpn: "http/1.1",
  };
  const nginx = writer.flow({
    ...peers,
    id: 1,
    program: "nginx",
    pid: 11_747,
    uid: 33,
    role: "server",
    sni: "shop.example.com",
  });
  const python = writer.flow({
    ...peers,
    id: 2,
    program: "python3",
    pid: 2210,
    uid: 1000,
    sni: "api.example.org",
  });
  const curl = writer.flow({
    ...peers,
    id: 3,
    program: "curl",
    pid: 4711,
    uid: 1000,
    sni: "api.example.org",
  });
  const pages: readonly [
    flow: number,
    method: string,
    host: string,
    path: string,
    status: number,
    type: string,
  ][] = [
    [nginx, "GET", "shop.example.com", "/", 200, "text/html"],
    [nginx, "GET", "shop.example.com", "/style.css", 200, "text/css"],
    [nginx, "GET", "shop.example.com", "/v1/items?page=1", 200, "application/json"],
    [python, "GET", "api.example.org", "/v1/prices?currency=EUR", 200, "application/json"],
    [nginx, "GET", "shop.example.com", "/images/17.webp", 304, ""],
    [nginx, "POST", "shop.example.com", "/v1/basket", 201, "application/json"],
    [curl, "POST", "api.example.org", "/v1/orders", 201, "application/json"],
    [nginx, "GET", "shop.example.com", "/favicon.ico", 404, "text/html"],
    [python, "PUT", "api.example.org", "/v1/stock/17", 503, "application/json"],
    [nginx, "GET", "shop.example.com", "/v1/items?page=2", 200, "application/json"],
  ];
  for (let at = 0; at < 40; at++) {
    const [flow, method, host, path, status, type] = pages[at % pages.length];
    const body = type === "application/json" ? JSON.stringify(ORDER) : "x".repeat(163 + 997 * (at % 7));
    writer.exchange(flow, {
      request: heads(
        `${method} ${path} HTTP/1.1`,
        `Host: ${host}`,
        "User-Agent: example/1.0",
        "Authorization: Bearer x",
      ),
      response: heads(
        `HTTP/1.1 ${status} ${status === 201 ? "Created" : "OK"}`,
        ...type === "" ? [] : [`Content-Type: ${type}`],
      ),
      status,
      startMs: 117 * at + 13 * (at % 3),
      ms: 0.16 + (at * 7 % 11) ** 1.7,
      body: status === 304 ? "" : body,
    });
  }
  return { ...writer.subject(SHOP_TIME_MS), report: shopReport };
}

const ORDER = { id: 77, state: "created", items: [{ item: 17, count: 2, price: 12.5 }], total: 25 };

function shopReport(): ReturnType<typeof agentReport> {
  return agentReport({
    version: "0.1.0",
    pid: 812,
    startedMs: Date.now() - 51 * 3_600_000,
    programs: { mirrored: 14, soFar: 31, refused: { "over-memory": 1 } },
    flows: { open: 382, soFar: 91_204, claimed: 3 },
    captured: { toServer: 2.1 * 2 ** 30, toClient: 10.3 * 2 ** 30 },
    forged: { toServer: 2.1 * 2 ** 30, toClient: 10.3 * 2 ** 30 },
    packets: 9_433_110,
    lost: { "ring-full": { amount: 2.1 * 2 ** 20, lastMs: Date.now() - 4_000_000 } },
    rings: { count: 14, usedBytes: 96 * 2 ** 20, maxBytes: 512 * 2 ** 20 },
    sinks: [{
      name: "mirror0",
      state: "working",
      packets: 9_433_110,
      written: 9_433_110,
      writtenBytes: 12.9 * 2 ** 30,
      dropped: {},
    }],
  });
}
