// SPDX-License-Identifier: MIT
/** What a running agent says of itself. @module */
import { VERSION } from "../settings/version.ts";
import type { Counters, PerDirection } from "../mirror/counters.ts";
import type { ProgramRow } from "../mirror/program_books.ts";
import type { Sink } from "../sinks/sink.ts";
import type { Metric } from "../status/metrics.ts";
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
  AgentReport,
  BothWays,
  CertificateReport,
  ProgramReport,
  RingReport,
} from "../status/report.ts";
import type { StatusSubject } from "../status/server.ts";
import { LEFT_OUT } from "../status/left_out.ts";
import { LIVE_PATHS, type LiveFeed } from "./live_feed.ts";
import { Trend } from "../status/trend.ts";

/** Where the numbers come from: asked for every report. */
export interface AgentNumbers {
  readonly place: string;
  readonly captures: AgentReport["captures"];
  readonly sinks: readonly Sink[];
  readonly stopped: ReadonlySet<Sink>;
  readonly certificate: CertificateReport | undefined;
  readonly programs: AgentReport["programs"];
  readonly openFlows: number;
  readonly total: Counters;
  readonly rings: RingReport | undefined;
}

/** What became of the programs that tell now. */
function programReport(
  { program: { pid, uid, comm, source, isUnwanted, ...place }, counters }: ProgramRow,
): ProgramReport {
  const { flows, claimed, captured, lost, unforged } = counters;
  const dropped: Record<string, number> = {};
  for (const [reason, bytes] of [...sums(lost), ...sums(unforged)]) {
    dropped[reason] = (dropped[reason] ?? 0) + bytes;
  }
  const counts = { flows, claimed, captured: captured[0] + captured[1], dropped };
  const { container, containerName, pod, podName } = place;
  return {
    ...{ pid, uid, comm, container, containerName, pod, podName },
    ...(source && { source }),
    ...(isUnwanted && { isUnwanted }),
    ...counts,
  };
}

/** Makes reports out of numbers, and remembers how they grew. */
export class AgentStatus implements StatusSubject {
  readonly answered = LIVE_PATHS;
  readonly #startedMs = Date.now();
  readonly #trend = new Trend();
  readonly #numbers: () => AgentNumbers;
  readonly #rows: () => readonly ProgramRow[];
  readonly #feed: LiveFeed;

  constructor(numbers: () => AgentNumbers, rows: () => readonly ProgramRow[], feed: LiveFeed) {
    this.#numbers = numbers;
    this.#rows = rows;
    this.#feed = feed;
  }

  answer(url: URL): Promise<Response | undefined> {
    return this.#feed.answer(url);
  }

  close(): void {
    this.#feed.close();
  }

  programs(): ProgramReport[] {
    return this.#rows().filter(({ ended, program }) => !ended && program.id !== 0).map(programReport);
  }

  report(): AgentReport {
    const nowMs = Date.now();
    const { place, captures, sinks, stopped, certificate, programs, openFlows, total, rings } = this
      .#numbers();
    const bytes = total.captured[0] + total.captured[1];
    this.#trend.add(nowMs, bytes, total.packets);
    const lost = lossReports(this.#trend, "lost", sums(total.lost), nowMs);
    const unforged = lossReports(this.#trend, "unforged", sums(total.unforged), nowMs);
    const head = { sinks: sinkReports(this.#trend, sinks, stopped, nowMs), certificate, nowMs };
    const recent = [...recentReasons(lost, nowMs), ...recentReasons(unforged, nowMs)]
      .filter((reason) => !LEFT_OUT.has(reason));
    return {
      role: "agent",
      version: VERSION,
      pid: Deno.pid,
      startedMs: this.#startedMs,
      ...head,
      place,
      captures,
      health: healthOf(head, recent.length > 0 ? [`clear text is lost: ${recent.join(", ")}`] : []),
      programs,
      flows: { open: openFlows, soFar: total.flows, claimed: total.claimed },
      captured: bothWays(total.captured),
      forged: bothWays(total.forged),
      packets: total.packets,
      lost,
      unforged,
      events: Object.fromEntries(total.events),
      rates: this.#trend.rates(nowMs, bytes, total.packets),
      ...(rings === undefined ? {} : { rings }),
    };
  }

  metrics(): Metric[] {
    const report = this.report();
    const { programs, flows, captured, forged, packets, lost, unforged, rings, sinks } = report;
    const ways = ({ toServer, toClient }: BothWays) => [
      { labels: { direction: "to_server" }, value: toServer },
      { labels: { direction: "to_client" }, value: toClient },
    ];
    const remotes = sinks.flatMap(({ name, remote }) => remote === undefined ? [] : [{ name, remote }]);
    const ofRemotes = (value: (remote: typeof remotes[number]["remote"]) => number) =>
      remotes.map(({ name, remote }) => ({ labels: { collector: name }, value: value(remote) }));
    return [
      ...headMetrics(report),
      gauge("programs", "Programs that pass clear text now.", [{ value: programs.mirrored }]),
      counter("programs_total", "Programs that passed clear text.", [{ value: programs.soFar }]),
      counter(
        "programs_refused_total",
        "Programs that were not mirrored, by reason.",
        Object.entries(programs.refused).map(([reason, value]) => ({ labels: { reason }, value })),
      ),
      gauge("flows_open", "Sessions at present.", [{ value: flows.open }]),
      counter("flows_total", "Sessions.", [{ value: flows.soFar }]),
      counter(
        "captured_bytes_total",
        "Clear text that programs passed, lost bytes included.",
        ways(captured),
      ),
      counter("forged_bytes_total", "Clear text in packets.", ways(forged)),
      counter("forged_packets_total", "Packets forged.", [{ value: packets }]),
      counter(
        "events_total",
        "What happened to flows and programs, by reason.",
        Object.entries(report.events).map(([reason, value]) => ({ labels: { reason }, value })),
      ),
      counter("lost_bytes_total", "Captured bytes that no codec got, by reason.", lossValues(lost)),
      counter(
        "unforged_bytes_total",
        "Bytes of codecs that no packet carries, by reason.",
        lossValues(unforged),
      ),
      gauge("ring_bytes", "Memory of rings in use.", rings === undefined ? [] : [{ value: rings.usedBytes }]),
      gauge(
        "ring_bytes_max",
        "Memory of rings that may be in use.",
        rings === undefined ? [] : [{ value: rings.maxBytes }],
      ),
      gauge(
        "remote_connected",
        "Whether the collector takes packets: 1 or 0.",
        ofRemotes(({ isConnected }) => isConnected ? 1 : 0),
      ),
      gauge(
        "remote_waiting_packets",
        "Packets that the collector has not acknowledged.",
        ofRemotes(({ waitingPackets }) => waitingPackets),
      ),
      gauge(
        "remote_lag_seconds",
        "How long the oldest of them has waited.",
        ofRemotes(({ waitingMs }) => waitingMs / 1000),
      ),
      gauge("remote_queue_bytes", "Memory that they take.", ofRemotes(({ queuedBytes }) => queuedBytes)),
      gauge(
        "remote_spool_bytes",
        "Bytes of those on disk.",
        ofRemotes(({ spooledBytes }) => spooledBytes),
      ),
    ];
  }
}

function bothWays([toServer, toClient]: Readonly<PerDirection>): BothWays {
  return { toServer, toClient };
}

function* sums(losses: ReadonlyMap<string, Readonly<PerDirection>>): Iterable<[string, number]> {
  for (const [reason, [toServer, toClient]] of losses) yield [reason, toServer + toClient];
}
