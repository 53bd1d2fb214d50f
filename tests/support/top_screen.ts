// SPDX-License-Identifier: MIT
/** A screen of `top` with what its agent could have said. */
import type { ExchangeDetail, ExchangeLine, FeedTick } from "../../net/view/feed_lines.ts";
import type { FlowFacts } from "../../net/view/flow_facts.ts";
import { UNKNOWN_FLOW } from "../../net/view/flow_facts.ts";
import type { AgentReport } from "../../net/status/report.ts";
import { paintFor } from "../../cli/paint.ts";
import { handle, type Wish } from "../../cli/top/handle.ts";
import { KeyReader } from "../../cli/top/keys.ts";
import { screenOf } from "../../cli/top/screen.ts";
import { TopState } from "../../cli/top/state.ts";

export const SOCKET = "/run/x/status/agent.sock";

export function flowFacts(changes: Partial<FlowFacts> = {}): FlowFacts {
  return {
    ...UNKNOWN_FLOW,
    id: 1,
    program: "nginx",
    pid: 42,
    sni: "shop.test",
    alpn: "http/1.1",
    client: { ip: "10.0.0.1", port: 40_000 },
    server: { ip: "10.0.0.2", port: 443 },
    ...changes,
  };
}

export function exchangeLine(number: number, changes: Partial<ExchangeLine> = {}): ExchangeLine {
  return {
    kind: "exchange",
    number,
    flow: flowFacts(),
    startNs: number * 1e6,
    endNs: number * 1e6 + 41e6,
    responseNs: number * 1e6 + 40e6,
    method: "GET",
    target: `/item/${number}`,
    host: "shop.test",
    status: 200,
    version: "HTTP/1.1",
    type: "application/json",
    requestBytes: 0,
    responseBytes: 163,
    cut: "",
    remarks: [],
    stream: 0,
    ...changes,
  };
}

export function exchangeDetail(changes: Partial<ExchangeDetail> = {}): ExchangeDetail {
  const body = { base64: "", missingBytes: 0 };
  return {
    ...exchangeLine(1),
    requestHead: "GET /item/1 HTTP/1.1\nHost: shop.test",
    responseHead: "HTTP/1.1 200 OK\nContent-Type: application/json",
    requestTrailers: "",
    responseTrailers: "",
    requestBody: body,
    responseBody: body,
    ...changes,
  };
}

export function tick(exchanges: number, nowMs = 1000): FeedTick {
  return {
    kind: "tick",
    nowMs,
    counts: { exchanges, statuses: [0, 0, exchanges, 0, 0, 0], cut: 0, messages: 0, flows: 0, bytes: 0 },
    skipped: 0,
    missed: 0,
    waiting: 0,
  };
}

export const REPORT: AgentReport = {
  role: "agent",
  version: "0.1.0",
  pid: 812,
  startedMs: 0,
  nowMs: 60_000,
  place: "/run/x",
  health: { state: "healthy", reasons: [] },
  sinks: [],
  programs: { mirrored: 14, soFar: 20, refused: {} },
  flows: { open: 382, soFar: 91_204, claimed: 0 },
  captured: { toServer: 1, toClient: 2 },
  forged: { toServer: 1, toClient: 2 },
  packets: 3,
  lost: {},
  unforged: {},
  events: {},
  rates: { overMs: 0, bytes: 0, packets: 0 },
};

export class Screen {
  readonly state = new TopState([
    { kind: "requests", name: "requests" },
    { kind: "flows", name: "flows" },
    { kind: "status", name: "status", socket: SOCKET },
  ]);
  readonly #keys = new KeyReader();

  constructor(columns = 80, rows = 24) {
    Object.assign(this.state, { columns, rows });
    this.state.begin = { kind: "begin", timeBaseMs: 0, bodyBytes: 0, showsSecrets: false };
    this.state.reports.set(SOCKET, REPORT);
  }

  /** Adds exchanges of these numbers. */
  add(...numbers: number[]): void {
    for (const number of numbers) this.state.requests.add(exchangeLine(number));
  }

  /** Types; answers the last wish. The screen is drawn after each key, as `top` does. */
  type(...texts: string[]): Wish | undefined {
    let wish: Wish | undefined;
    for (const text of texts) {
      const keys = [...this.#keys.push(new TextEncoder().encode(text)), ...this.#keys.pause()];
      for (const key of keys) {
        wish = handle(this.state, key);
        this.lines();
      }
    }
    return wish;
  }

  lines(): string[] {
    return screenOf(this.state, paintFor("never", false));
  }

  get text(): string {
    return this.lines().join("\n");
  }

  /** Numbers of the exchanges that are listed, and of the one that is chosen. */
  get listed(): { readonly numbers: number[]; readonly chosen: number | undefined } {
    const numbers = Array.from(this.text.matchAll(/\/item\/(\d+)/g), ([, number]) => Number(number));
    return { numbers, chosen: this.state.chosenRequest.key };
  }
}

export const UP = "\x1b[A";
export const DOWN = "\x1b[B";
export const END = "\x1b[F";
export const HOME = "\x1b[H";
export const ENTER = "\r";
export const ESCAPE = "\x1b";
export const TAB = "\t";
