// SPDX-License-Identifier: MIT
/** What agents and collectors both report of sinks, losses and health, out of counts and how they grew. @module */
import type { Sink } from "../sinks/sink.ts";
import type { Metric, MetricValue } from "./metrics.ts";
import type { CertificateReport, Health, LossReports, ReportHead, SinkReport } from "./report.ts";
import type { Trend } from "./trend.ts";

/** Losses that grew within this time are a reason for concern. */
const RECENT_MS = 60_000;
/** A certificate that ends within this time is one too. */
const CERTIFICATE_SOON_MS = 14 * 86_400_000;

/** Losses by reason with when each grew; `group` tells them from others in the trend. */
export function lossReports(
  trend: Trend,
  group: string,
  losses: Iterable<readonly [reason: string, amount: number]>,
  nowMs: number,
): LossReports {
  const reports: Record<string, LossReports[string]> = {};
  for (const [reason, amount] of losses) {
    const lastMs = trend.loss(`${group}/${reason}`, amount, nowMs);
    reports[reason] = lastMs === undefined ? { amount } : { amount, lastMs };
  }
  return reports;
}

/** One for each sink; several collectors are one each. */
export function sinkReports(
  trend: Trend,
  sinks: readonly Sink[],
  stopped: ReadonlySet<Sink>,
  nowMs: number,
): SinkReport[] {
  return sinks.flatMap((sink) =>
    (sink.sinks ?? [sink]).map((one): SinkReport => {
      const { packets, written, writtenBytes, dropped } = one.counters;
      return {
        name: one.name,
        state: stopped.has(sink) ? "stopped" : one.isDown ? "down" : "working",
        packets,
        written,
        writtenBytes,
        dropped: lossReports(trend, `sink/${one.name}`, dropped, nowMs),
        ...(one.remote === undefined ? {} : { remote: one.remote }),
      };
    })
  );
}

/** The first reason for concern of each kind that both have; `more` has those of one's own. */
export function healthOf(
  { sinks, certificate, nowMs }: Pick<ReportHead, "sinks" | "certificate" | "nowMs">,
  more: readonly string[],
): Health {
  const reasons: string[] = [];
  for (const { name, state, dropped, remote } of sinks) {
    if (state === "stopped") reasons.push(`${name} takes no more packets`);
    if (state === "down") reasons.push(`${name} is down`);
    if (remote?.isConnected === false) {
      const why = remote.trouble === "" ? "" : `: ${remote.trouble}`;
      reasons.push(`${name} is not connected${why}`);
    }
    const recent = recentReasons(dropped, nowMs);
    if (recent.length > 0) reasons.push(`${name} drops packets: ${recent.join(", ")}`);
  }
  if (certificate !== undefined && certificate.validToMs - nowMs < CERTIFICATE_SOON_MS) {
    reasons.push(certificateText(certificate, nowMs));
  }
  reasons.push(...more);
  return { state: reasons.length === 0 ? "healthy" : "degraded", reasons };
}

/** Reasons of losses that grew within the last minute. */
export function recentReasons(losses: LossReports, nowMs: number): string[] {
  return Object.entries(losses)
    .filter(([, { lastMs }]) => lastMs !== undefined && nowMs - lastMs < RECENT_MS)
    .map(([reason]) => reason);
}

function certificateText({ name, validToMs }: CertificateReport, nowMs: number): string {
  const days = Math.floor((validToMs - nowMs) / 86_400_000);
  return days < 0 ? `certificate ${name} has expired` : `certificate ${name} is valid for ${days} days more`;
}

/** Metrics that agents and collectors both have. */
export function headMetrics(report: ReportHead & { readonly role: string }): Metric[] {
  const { role, version, startedMs, health, certificate, sinks } = report;
  const ofSinks = (value: (sink: SinkReport) => number): MetricValue[] =>
    sinks.map((sink) => ({ labels: { sink: sink.name }, value: value(sink) }));
  return [
    gauge("build_info", "Version and role; the value is 1.", [{ labels: { version, role }, value: 1 }]),
    gauge("start_time_seconds", "Seconds since 1970 when it began.", [{ value: startedMs / 1000 }]),
    gauge("healthy", "Whether nothing is degraded: 1 or 0.", [{ value: health.state === "healthy" ? 1 : 0 }]),
    gauge(
      "certificate_expiry_timestamp_seconds",
      "Seconds since 1970 up to which its certificate is valid.",
      certificate === undefined ? [] : [{ value: certificate.validToMs / 1000 }],
    ),
    gauge(
      "sink_up",
      "Whether the sink takes packets: 1 or 0.",
      ofSinks(({ state }) => state === "working" ? 1 : 0),
    ),
    counter("sink_packets_total", "Packets given to the sink.", ofSinks(({ packets }) => packets)),
    counter("sink_written_packets_total", "Packets known to have left.", ofSinks(({ written }) => written)),
    counter(
      "sink_dropped_packets_total",
      "Packets that the sink dropped, by reason.",
      sinks.flatMap(({ name, dropped }) => lossValues(dropped, { sink: name })),
    ),
  ];
}

/** Values by reason, with labels that all have. */
export function lossValues(
  losses: LossReports,
  labels: Readonly<Record<string, string>> = {},
): MetricValue[] {
  return Object.entries(losses).map(([reason, { amount }]) => ({
    labels: { ...labels, reason },
    value: amount,
  }));
}

/** A count that only grows. */
export function counter(name: string, help: string, values: readonly MetricValue[]): Metric {
  return { name, type: "counter", help, values };
}

/** A number that goes up and down. */
export function gauge(name: string, help: string, values: readonly MetricValue[]): Metric {
  return { name, type: "gauge", help, values };
}
