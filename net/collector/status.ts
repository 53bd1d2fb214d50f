// SPDX-License-Identifier: MIT
/** What a running collector says of itself. @module */
import { shown } from "../wire/printable.ts";
import { VERSION } from "../settings/version.ts";
import type { Sink } from "../sinks/sink.ts";
import type { Metric, MetricValue } from "../status/metrics.ts";
import {
  counter,
  gauge,
  headMetrics,
  healthOf,
  lossReports,
  lossValues,
  recentReasons,
  sinkReports,
} from "../status/recent.ts";
import type {
  CertificateReport,
  CollectorReport,
  RefusedReport,
  RemoteAgentReport,
} from "../status/report.ts";
import type { StatusSubject } from "../status/server.ts";
import { Trend } from "../status/trend.ts";
import type { AgentBooks, AgentState } from "./agent_books.ts";

/** An agent that is away for less may have been restarted. */
const SILENT_MS = 10_000;

/** Where the numbers come from: asked for every report. */
export interface CollectorNumbers {
  readonly place: string;
  readonly sinks: readonly Sink[];
  readonly stopped: ReadonlySet<Sink>;
  readonly certificate: CertificateReport | undefined;
  readonly agents: Iterable<AgentBooks>;
  readonly refused: readonly RefusedReport[];
}

/** Makes reports out of numbers, and remembers how they grew. */
export class CollectorStatus implements StatusSubject {
  readonly #startedMs = Date.now();
  readonly #trend = new Trend();
  readonly #numbers: () => CollectorNumbers;

  constructor(numbers: () => CollectorNumbers) {
    this.#numbers = numbers;
  }

  report(): CollectorReport {
    const nowMs = Date.now();
    const { place, sinks, stopped, certificate, agents: books, refused } = this.#numbers();
    const head = { sinks: sinkReports(this.#trend, sinks, stopped, nowMs), certificate, nowMs };
    const agents = Array.from(books, (agent) => this.#agent(agent, nowMs));
    return {
      role: "collector",
      version: VERSION,
      pid: Deno.pid,
      startedMs: this.#startedMs,
      ...head,
      place,
      health: healthOf(head, agents.flatMap((agent) => concerns(agent, nowMs))),
      agents,
      refused,
    };
  }

  #agent(books: AgentBooks, nowMs: number): RemoteAgentReport {
    const { name, address, connections, turnedMs, packets, bytes, duplicates, elsewhere } = books;
    return {
      name,
      address,
      connections,
      forMs: nowMs - turnedMs,
      packets,
      bytes,
      lost: lossReports(this.#trend, `agent/${name}`, books.lost, nowMs),
      dropped: lossReports(this.#trend, `left out/${name}`, books.dropped, nowMs),
      duplicates,
      elsewhere,
      lagPackets: books.lagPackets,
      lagMs: books.lagMs,
      ...saidNow(books),
    };
  }

  metrics(): Metric[] {
    const report = this.report();
    const { agents } = report;
    const ofAgents = (value: (agent: RemoteAgentReport) => number) =>
      agents.map((agent) => ({ labels: { agent: agent.name }, value: value(agent) }));
    return [
      ...headMetrics(report),
      gauge(
        "agent_connected",
        "Whether the agent is connected: 1 or 0.",
        ofAgents(({ connections }) => connections > 0 ? 1 : 0),
      ),
      gauge(
        "agent_last_seen_timestamp_seconds",
        "Seconds since 1970 when it was last connected.",
        ofAgents(({ connections, forMs }) => (report.nowMs - (connections > 0 ? 0 : forMs)) / 1000),
      ),
      counter(
        "agent_packets_total",
        "Packets of the agent that were written.",
        ofAgents(({ packets }) => packets),
      ),
      counter("agent_bytes_total", "Bytes of their blocks.", ofAgents(({ bytes }) => bytes)),
      gauge(
        "agent_lag_packets",
        "Packets that it has and the collector has not.",
        ofAgents(({ lagPackets }) => lagPackets),
      ),
      gauge(
        "agent_lag_seconds",
        "How long the oldest of them had waited.",
        ofAgents(({ lagMs }) => lagMs / 1000),
      ),
      gauge("agent_queue_bytes", "Memory that waits there.", said(agents, ({ queuedBytes }) => queuedBytes)),
      gauge(
        "agent_spool_bytes",
        "Disk space that waits there.",
        said(agents, ({ spooledBytes }) => spooledBytes),
      ),
      counter(
        "agent_lost_packets_total",
        "Packets that it lost before they could be sent, by reason.",
        agents.flatMap(({ name, lost }) => lossValues(lost, { agent: name })),
      ),
      counter(
        "agent_dropped_packets_total",
        "Packets of the agent that came and are in no file, by reason.",
        agents.flatMap(({ name, dropped }) => lossValues(dropped, { agent: name })),
      ),
      counter(
        "agent_elsewhere_packets_total",
        "Packets of the agent that another collector has.",
        ofAgents(({ elsewhere }) => elsewhere),
      ),
    ];
  }
}

function concerns(agent: RemoteAgentReport, nowMs: number): string[] {
  const { name, connections, forMs, lost, dropped } = agent;
  const reasons = [...recentReasons(lost, nowMs), ...recentReasons(dropped, nowMs)];
  return [
    ...connections === 0 && forMs >= SILENT_MS
      ? [`agent ${shown(name)} is away for ${Math.round(forMs / 1000)} s`]
      : [],
    ...reasons.length > 0 ? [`agent ${shown(name)} loses packets: ${reasons.join(", ")}`] : [],
  ];
}

/** What the agent says of itself; of one that is away only what does not change by itself. */
function saidNow({ state, connections }: AgentBooks): Partial<AgentState> {
  if (state === undefined) return {};
  const { queuedBytes, spooledBytes, application } = state;
  return connections > 0 ? { queuedBytes, spooledBytes, application } : { application };
}

/** Values of the agents that say them. */
function said(
  agents: readonly RemoteAgentReport[],
  value: (agent: RemoteAgentReport) => number | undefined,
): MetricValue[] {
  return agents.flatMap((agent) => {
    const number = value(agent);
    return number === undefined ? [] : [{ labels: { agent: agent.name }, value: number }];
  });
}
