// SPDX-License-Identifier: MIT
/** A page's server over exchanges that are made up, asked without a network. */
import { TO_CLIENT, TO_SERVER } from "../../codecs/direction.ts";
import { Guard } from "../../net/page/guard.ts";
import type { Detail, RowsMessage } from "../../net/page/messages.ts";
import { PageServer, type PageSubject } from "../../net/page/server.ts";
import type { AgentReport, CollectorReport } from "../../net/status/report.ts";
import { ViewHarness } from "./view_harness.ts";

export const TOKEN = "right-token";
const TIME_BASE_NS = 1_700_000_000_000_000_000n;

/** What an agent says that has done nothing. */
export function agentReport(changes: Partial<AgentReport> = {}): AgentReport {
  const none = { toServer: 0, toClient: 0 };
  return {
    role: "agent",
    version: "1",
    pid: 2,
    startedMs: Date.now() - 60_000,
    nowMs: Date.now(),
    place: "/run/sslcollector/status",
    health: { state: "healthy", reasons: [] },
    sinks: [],
    programs: { mirrored: 1, soFar: 1, refused: {} },
    flows: { open: 1, soFar: 1, claimed: 0 },
    captured: none,
    forged: none,
    packets: 0,
    lost: {},
    unforged: {},
    events: {},
    rates: { overMs: 0, bytes: 0, packets: 0 },
    ...changes,
  };
}

/** What a collector says that has one agent. */
export function collectorReport(): CollectorReport {
  const { version, pid, startedMs, nowMs, health } = agentReport();
  const agent = {
    name: "web1",
    address: "10.0.0.11",
    connections: 1,
    forMs: 3 * 3_600_000,
    packets: 8_211_004,
    bytes: 5.1 * 2 ** 30,
    lost: {},
    dropped: {},
    duplicates: 0,
    elsewhere: 0,
    lagPackets: 1204,
    lagMs: 18,
    queuedBytes: 1.1 * 2 ** 20,
    spooledBytes: 0,
    application: "sslcollector 0.1.0",
  };
  return {
    role: "collector",
    ...{ version, pid, startedMs, nowMs, health },
    place: "0.0.0.0:3005",
    sinks: [],
    agents: [agent],
  };
}

/** Exchanges, one after the other on a connection. */
export class SeenExchanges {
  readonly mirror: ViewHarness;
  #flows = 0;

  constructor(logBytes = 1024 * 1024, bodyBytes = 64 * 1024) {
    this.mirror = new ViewHarness({ logBytes, bodyBytes }, undefined, "later");
  }

  /** Opens another connection; exchanges go over the last. */
  connect(): void {
    this.mirror.open(++this.#flows);
  }

  /** `head` of the request and of the response, each field a line. */
  exchange(request: string, response: string, body: string | Uint8Array = ""): void {
    if (this.#flows === 0) this.connect();
    const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
    const lines = (text: string) => text.trim().split("\n").map((line) => `${line.trim()}\r\n`).join("");
    this.mirror.send(this.#flows, TO_SERVER, `${lines(request)}\r\n`);
    this.mirror.send(this.#flows, TO_CLIENT, `${lines(response)}Content-Length: ${bytes.length}\r\n\r\n`);
    if (bytes.length > 0) this.mirror.send(this.#flows, TO_CLIENT, bytes);
  }

  subject(changes: Partial<PageSubject> = {}, showsSecrets = false): PageSubject {
    return {
      report: agentReport,
      log: {
        ...this.mirror.view.readable,
        timeBaseNs: TIME_BASE_NS,
        showsSecrets,
        portMap: new Map([[443, 80]]),
      },
      bodyBytes: 64 * 1024,
      version: "1",
      ...changes,
    };
  }
}

/** Asks a server as a browser does that has its page. */
export class PageClient {
  readonly server: PageServer;

  constructor(subject?: PageSubject, names: readonly string[] = []) {
    const files = new Map([["/", { type: "text/html; charset=utf-8", text: "<p>the page" }]]);
    this.server = new PageServer(new Guard(TOKEN, names), files);
    if (subject !== undefined) this.server.begin(subject);
  }

  ask(path: string, headers: Readonly<Record<string, string>> = {}, method = "GET"): Response {
    const request = new Request(`http://localhost:9200${path}`, {
      method,
      headers: { host: "localhost:9200", authorization: `Bearer ${TOKEN}`, ...headers },
    });
    return this.server.answer(request);
  }

  /** What there is now. */
  async rows(filter = ""): Promise<RowsMessage> {
    const response = this.ask(`/api/rows?filter=${encodeURIComponent(filter)}`);
    const reader = response.body!.getReader();
    const { value } = await reader.read();
    await reader.cancel();
    return JSON.parse(new TextDecoder().decode(value));
  }

  async detail(row: number): Promise<Detail> {
    return await this.ask(`/api/detail?row=${row}`).json();
  }

  [Symbol.dispose](): void {
    this.server.close();
  }
}
