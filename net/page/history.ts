// SPDX-License-Identifier: MIT
/** What counts were over the last hour. @module */
import { LEFT_OUT } from "../status/left_out.ts";
import type { LossReports, RemoteAgentReport, StatusReport } from "../status/report.ts";
import type { Sample } from "./messages.ts";

const HOUR_MS = 3_600_000;
/** Apart from each other; 360 an hour. */
export const SAMPLE_MS = 10_000;

/** Remembers samples of an hour. */
export class History {
  readonly #samples: Sample[] = [];

  /** Takes what a report says; reports that follow each other closely are one sample. */
  add(report: StatusReport): void {
    const samples = this.#samples;
    const latest = samples.at(-1);
    if (latest !== undefined && report.nowMs - latest.timeMs < SAMPLE_MS / 2) return;
    samples.push(sampleOf(report));
    while (report.nowMs - samples[0].timeMs > HOUR_MS) samples.shift();
  }

  /** Oldest first, and last what `report` says. */
  upTo(report: StatusReport): Sample[] {
    return [...this.#samples, sampleOf(report)];
  }
}

function sampleOf(report: StatusReport): Sample {
  const { nowMs } = report;
  if (report.role === "agent") {
    const { captured, packets, lost, unforged } = report;
    return {
      timeMs: nowMs,
      bytes: captured.toServer + captured.toClient,
      packets,
      lost: sum(lost) + sum(unforged),
    };
  }
  const total = (value: (agent: RemoteAgentReport) => number) =>
    report.agents.reduce((all, agent) => all + value(agent), 0);
  return {
    timeMs: nowMs,
    bytes: total(({ bytes }) => bytes),
    packets: total(({ packets }) => packets),
    lost: total(({ lost, dropped }) => sum(lost) + sum(dropped)),
  };
}

const sum = (losses: LossReports) =>
  Object.entries(losses).reduce((all, [reason, { amount }]) => LEFT_OUT.has(reason) ? all : all + amount, 0);
