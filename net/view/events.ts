// SPDX-License-Identifier: MIT
/**
 * Entries of the log as Suricata's EVE writes them, so that what reads Suricata's events reads these: one JSON object a line, fields by
 * Suricata's names, and what only a mirror knows in an object `sslcollector`.
 *
 * @module
 */
import type { Entry, Exchange, FlowEntry, SocketMessage } from "./exchange.ts";
import type { FlowFacts } from "./flow_facts.ts";
import { absoluteTime } from "./clock.ts";
import type { LineOutput } from "./line_output.ts";
import { shownField, withoutSecrets } from "./secrets.ts";
import type { EntryReader } from "./view.ts";

/** Suricata's default. */
const STATS_MS = 8000;

/** What a run has counted so far. */
export type EventStats = () => Record<string, unknown>;

export interface EventWriterOptions {
  readonly output: LineOutput;
  readonly showsSecrets: boolean;
  readonly stats: EventStats;
}

export class EventWriter implements EntryReader {
  readonly #options: EventWriterOptions;
  readonly #startedMs = Date.now();
  readonly #timer: ReturnType<typeof setInterval>;
  #timeBaseNs = 0n;
  #text = "";
  #lines = 0;
  #missed = 0;

  constructor(options: EventWriterOptions) {
    this.#options = options;
    this.#timer = setInterval(() => {
      this.#stats();
      this.flush();
    }, STATS_MS);
  }

  begin(timeBaseNs: bigint): void {
    this.#timeBaseNs = timeBaseNs;
  }

  take(entry: Entry): void {
    this.#add(eventOf(entry, this.#timeBaseNs, this.#options.showsSecrets));
  }

  missed(count: number): void {
    this.#missed += count;
  }

  flush(): void {
    if (this.#lines === 0) return;
    this.#options.output.write(this.#text, this.#lines);
    this.#text = "";
    this.#lines = 0;
  }

  drain(): Promise<void> {
    return this.#options.output.drained();
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#stats();
    this.flush();
    await this.#options.output.close();
  }

  #stats(): void {
    this.#add({
      timestamp: timestamp(BigInt(Date.now()) * 1_000_000n),
      event_type: "stats",
      stats: {
        uptime: Math.round((Date.now() - this.#startedMs) / 1000),
        sslcollector: {
          ...this.#options.stats(),
          events: { missed: this.#missed, dropped: this.#options.output.dropped },
        },
      },
    });
  }

  #add(event: Record<string, unknown>): void {
    this.#text += `${JSON.stringify(event)}\n`;
    this.#lines++;
  }
}

function eventOf(entry: Entry, timeBaseNs: bigint, showsSecrets: boolean): Record<string, unknown> {
  switch (entry.kind) {
    case "exchange":
      return httpEvent(entry, timeBaseNs, showsSecrets);
    case "message":
      return messageEvent(entry, timeBaseNs);
    case "flow begin":
      return tlsEvent(entry, timeBaseNs);
    case "flow end":
      return flowEvent(entry, timeBaseNs);
  }
}

function httpEvent(exchange: Exchange, timeBaseNs: bigint, showsSecrets: boolean): Record<string, unknown> {
  const { requestHead, responseHead, startNs, endNs, cut, remarks, stream, flow } = exchange;
  const field = (head: typeof requestHead, name: string) => {
    const value = head.get(name);
    return value === "" ? undefined : shownField([name, value], showsSecrets)[1];
  };
  return {
    ...common(exchange, timeBaseNs, "http"),
    app_proto: exchange.version === "HTTP/2" ? "http2" : "http",
    ...exchange.version === "HTTP/2" ? { stream_id: stream } : {},
    http: {
      hostname: exchange.host.replace(/:\d+$/, ""),
      http_port: portOf(exchange),
      url: showsSecrets ? exchange.target : withoutSecrets(exchange.target),
      http_user_agent: field(requestHead, "user-agent"),
      http_content_type: exchange.type || undefined,
      http_refer: field(requestHead, "referer"),
      http_method: exchange.method,
      protocol: exchange.version,
      status: exchange.status || undefined,
      redirect: field(responseHead, "location"),
      length: exchange.responseBytes,
      request_length: exchange.requestBytes,
    },
    sslcollector: {
      ...origin(flow),
      duration_ms: (endNs - startNs) / 1e6,
      wait_ms: (exchange.responseNs - startNs) / 1e6,
      cut: cut || undefined,
      grpc_status: grpcStatus(exchange),
      ...remarks.length > 0 ? { remarks } : {},
    },
  };
}

/** Where it says another than the default. */
function portOf({ host }: Exchange): number | undefined {
  const port = /:(\d{1,5})$/.exec(host)?.[1];
  return port === undefined ? undefined : Number(port);
}

function grpcStatus({ type, responseTrailers, responseHead }: Exchange): number | undefined {
  if (!type.startsWith("application/grpc")) return undefined;
  const status = responseTrailers.get("grpc-status") || responseHead.get("grpc-status");
  return /^\d{1,3}$/.test(status) ? Number(status) : undefined;
}

const OPCODES: Readonly<Record<number, string>> = { 1: "text", 2: "binary", 8: "connection_close" };

function messageEvent(message: SocketMessage, timeBaseNs: bigint): Record<string, unknown> {
  const { flow, isToServer, opcode, lengthBytes, cut } = message;
  return {
    ...common(message, timeBaseNs, "websocket"),
    app_proto: "websocket",
    direction: isToServer ? "to_server" : "to_client",
    websocket: { opcode: OPCODES[opcode] ?? String(opcode), payload_length: lengthBytes },
    sslcollector: { ...origin(flow), cut: cut || undefined },
  };
}

function tlsEvent(entry: FlowEntry, timeBaseNs: bigint): Record<string, unknown> {
  const { flow } = entry;
  return {
    ...common(entry, timeBaseNs, "tls"),
    app_proto: "tls",
    tls: {
      sni: flow.sni || undefined,
      version: flow.tls === "-" ? undefined : `TLS ${flow.tls}`,
      ...flow.alpn === "" ? {} : { server_alpns: [flow.alpn] },
    },
    sslcollector: origin(flow),
  };
}

function flowEvent(entry: FlowEntry, timeBaseNs: bigint): Record<string, unknown> {
  const { flow, startNs, endNs, toServer, toClient } = entry;
  return {
    ...common(entry, timeBaseNs, "flow"),
    app_proto: entry.isHttp ? flow.alpn === "h2" ? "http2" : "http" : "unknown",
    flow: {
      bytes_toserver: toServer,
      bytes_toclient: toClient,
      start: timestamp(absoluteTime(timeBaseNs, startNs)),
      end: timestamp(absoluteTime(timeBaseNs, endNs)),
      age: Math.round((endNs - startNs) / 1e9),
      state: "closed",
    },
    sslcollector: { ...origin(flow), duration_ms: (endNs - startNs) / 1e6 },
  };
}

function common(
  { flow, startNs }: Entry,
  timeBaseNs: bigint,
  eventType: string,
): Record<string, unknown> {
  const { client, server } = flow;
  return {
    timestamp: timestamp(absoluteTime(timeBaseNs, startNs)),
    flow_id: flow.id,
    event_type: eventType,
    src_ip: client.ip,
    src_port: client.port,
    dest_ip: server.ip,
    dest_port: server.port,
    proto: "TCP",
    community_id: flow.communityId || undefined,
  };
}

/** Whose session it is. */
function origin(flow: FlowFacts): Record<string, unknown> {
  return {
    program: flow.program,
    pid: flow.pid,
    uid: flow.uid,
    role: flow.role,
    sni: flow.sni || undefined,
    alpn: flow.alpn || undefined,
    tls: flow.tls === "-" ? undefined : flow.tls,
    attribution: flow.attribution,
    joined_late: flow.joinedLate || undefined,
  };
}

/** `2026-11-26T17:40:17.535123+0000`, as Suricata writes it in UTC. */
function timestamp(timeNs: bigint): string {
  const microseconds = timeNs / 1000n;
  const iso = new Date(Number(microseconds / 1000n)).toISOString();
  return `${iso.slice(0, 23)}${String(microseconds % 1000n).padStart(3, "0")}+0000`;
}
