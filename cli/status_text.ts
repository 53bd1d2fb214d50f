// SPDX-License-Identifier: MIT
/** What a running agent or collector says of itself, for people. @module */
import type {
  AgentReport,
  CollectorReport,
  LossReport,
  LossReports,
  ProgramReport,
  RefusedReport,
  RemoteAgentReport,
  SinkReport,
  StatusReport,
} from "../net/status/report.ts";
import { flowsText } from "../net/status/flows_text.ts";
import { isRepeat, LEFT_OUT, repeatText } from "../net/status/left_out.ts";
import { reasonText } from "../net/agent/unmirrored/reasons.ts";
import { printable, printableLine } from "../net/wire/printable.ts";
import { formatBytes, formatSpan } from "./format.ts";
import { programRows } from "./status_programs.ts";
import { table } from "./table.ts";

/** Lines, the first with role and health; of an agent with its programs where they were asked for. */
export function statusLines(report: StatusReport, programs?: readonly ProgramReport[]): string[] {
  const { role, pid, startedMs, nowMs, version, place, health } = report;
  return [
    `${role}  pid ${pid}, up ${formatSpan(nowMs - startedMs)}, ${version}, ${place}  ${health.state}`,
    ...health.reasons.map((reason) => `  ! ${printableLine(reason)}`),
    ...report.role === "agent" ? agentLines(report, programs) : collectorLines(report),
    ...report.sinks.map((sink) => sinkLine(sink, nowMs)),
    ...certificateLines(report),
  ];
}

function agentLines(report: AgentReport, told: readonly ProgramReport[] | undefined): string[] {
  const { programs, captured, forged, packets, rates, lost, unforged, rings, nowMs } = report;
  const refused = Object.entries(programs.refused);
  const bytes = captured.toServer + captured.toClient;
  const rate = rates.overMs === 0
    ? ""
    : `  (last ${formatSpan(rates.overMs)}: ${formatBytes(rates.bytes)}/s, ${
      count(Math.round(rates.packets))
    } packets/s)`;
  const not = sum(refused.map(([, amount]) => amount));
  return [
    row(
      "programs",
      `${count(programs.mirrored)} mirrored, ${count(programs.soFar)} so far${
        not > 0 ? `, ${count(not)} not` : ""
      }`,
    ),
    ...refused.map(([reason, amount]) => `  ${count(amount)} not mirrored: ${reasonText(reason)}`),
    ...told === undefined ? [] : programRows(told),
    row("flows", flowsText(report, count)),
    row("captured", `${formatBytes(bytes)}${rate}`),
    row("forged", `${formatBytes(forged.toServer + forged.toClient)}, ${count(packets)} packets`),
    ...lossLines("lost", chosen(lost, (reason) => !LEFT_OUT.has(reason)), bytes, nowMs),
    ...lossLines(
      "left out",
      chosen(lost, (reason) => LEFT_OUT.has(reason) && !isRepeat(reason)),
      bytes,
      nowMs,
    ),
    ...repeatLines(chosen(lost, isRepeat), nowMs),
    ...lossLines("unforged", unforged, bytes, nowMs),
    ...rings === undefined ? [] : [
      row(
        "rings",
        `${formatBytes(rings.usedBytes)} of ${formatBytes(rings.maxBytes)}, ${count(rings.count)} open`,
      ),
    ],
  ];
}

function collectorLines({ agents, refused = [], nowMs }: CollectorReport): string[] {
  return [...agentTable(agents), ...refused.map((agent) => refusedLine(agent, nowMs))];
}

function refusedLine({ name, address, reason, times, lastMs }: RefusedReport, nowMs: number): string {
  const often = times > 1 ? `${count(times)} times, ` : "";
  return row(
    "refused",
    `${printable(name)} (${address}), ${often}${ago(lastMs, nowMs)}: ${printableLine(reason)}`,
  );
}

function agentTable(agents: readonly RemoteAgentReport[]): string[] {
  if (agents.length === 0) return [row("agents", "none so far")];
  const header = [
    "AGENT",
    "ADDRESS",
    "SINCE",
    "PACKETS",
    "BYTES",
    "LAG",
    "LOST THERE",
    "QUEUE",
    "SPOOL",
    "VERSION",
  ];
  return [...table([header, ...agents.map(agentCells)]), ...agents.flatMap(elsewhereLines)];
}

/** Packets of the agent that are not among those of this collector's files, and were not lost on the way. */
function elsewhereLines({ name, elsewhere, dropped }: RemoteAgentReport): string[] {
  const shownName = printable(name);
  return [
    ...elsewhere > 0 ? [`  ${shownName}: ${count(elsewhere)} packets are with another collector`] : [],
    ...Object.entries(dropped).map(([reason, { amount }]) =>
      `  ${shownName}: ${count(amount)} packets in no file: ${reason}`
    ),
  ];
}

function agentCells(agent: RemoteAgentReport): string[] {
  const { name, address, connections, forMs, packets, bytes, lagPackets, lagMs, lost } = agent;
  const losses = Object.entries(lost).map(([reason, { amount }]) => `${count(amount)} ${reason}`);
  const said = (bytes: number | undefined) =>
    bytes !== undefined ? formatBytes(bytes) : connections > 0 ? "?" : "–";
  return [
    printable(name),
    address,
    connections > 0 ? formatSpan(forMs) : `away ${formatSpan(forMs)}`,
    count(packets),
    formatBytes(bytes),
    lagPackets > 0 ? `${count(lagPackets)} (${formatSpan(lagMs)})` : "0",
    losses.length > 0 ? losses.join(", ") : "0",
    said(agent.queuedBytes),
    said(agent.spooledBytes),
    agent.application === undefined ? "?" : printableLine(agent.application.replace(/^sslcollector /, "")),
  ];
}

function sinkLine({ name, state, packets, dropped, remote }: SinkReport, nowMs: number): string {
  const parts: string[] = [];
  if (state !== "working") parts.push(state.toUpperCase());
  if (remote !== undefined) {
    const { isConnected, forMs, trouble, waitingPackets, waitingMs, queuedBytes, queueMaxBytes } = remote;
    parts.push(
      isConnected
        ? `connected ${formatSpan(forMs)}`
        : `DOWN ${formatSpan(forMs)}${trouble === "" ? "" : `: ${printableLine(trouble)}`}`,
      `${count(waitingPackets)} packets${waitingPackets > 0 ? ` (${formatSpan(waitingMs)})` : ""} behind`,
      `queue ${formatBytes(queuedBytes)} of ${formatBytes(queueMaxBytes)}`,
    );
    if (remote.spoolMaxBytes > 0) {
      parts.push(`spool ${formatBytes(remote.spooledBytes)} of ${formatBytes(remote.spoolMaxBytes)}`);
    }
  } else parts.push(`${count(packets)} packets`);
  const losses = Object.entries(dropped).filter(([, { amount }]) => amount > 0);
  parts.push(
    losses.length === 0
      ? "0 dropped"
      : `dropped: ${
        losses.map(([reason, loss]) => `${count(loss.amount)} ${reason} (${ago(loss.lastMs, nowMs)})`).join(
          ", ",
        )
      }`,
  );
  return row("sink", `${printable(name)}  ${parts.join(", ")}`);
}

function certificateLines({ certificate, nowMs }: StatusReport): string[] {
  if (certificate === undefined) return [];
  const days = Math.floor((certificate.validToMs - nowMs) / 86_400_000);
  return [row("certificate", `${printable(certificate.name)}, ${count(days)} days left`)];
}

function lossLines(name: string, losses: LossReports, ofBytes: number, nowMs: number): string[] {
  const grown = Object.entries(losses).filter(([, { amount }]) => amount > 0);
  if (grown.length === 0) return name === "lost" ? [row(name, "nothing")] : [];
  const share = 100 * sum(grown.map(([, { amount }]) => amount)) / ofBytes;
  return [row(name, `${share < 0.005 ? "under 0.01" : share.toFixed(2)} %: ${lossTexts(grown, nowMs)}`)];
}

/** Clear text that came more than once is no share of what was captured that is missing anywhere. */
function repeatLines(repeats: LossReports, nowMs: number): string[] {
  const grown = Object.entries(repeats).filter(([, { amount }]) => amount > 0);
  return grown.length === 0 ? [] : [row("told twice", `${lossTexts(grown, nowMs)}; mirrored once`)];
}

function lossTexts(losses: readonly (readonly [string, LossReport])[], nowMs: number): string {
  return losses.map(([reason, { amount, lastMs }]) =>
    `${formatBytes(amount)} ${repeatText(reason)} (${ago(lastMs, nowMs)})`
  ).join(", ");
}

function chosen(losses: LossReports, isChosen: (reason: string) => boolean): LossReports {
  return Object.fromEntries(Object.entries(losses).filter(([reason]) => isChosen(reason)));
}

function ago(lastMs: number | undefined, nowMs: number): string {
  return lastMs === undefined ? "when is not known" : `last ${formatSpan(nowMs - lastMs)} ago`;
}

/** `8,211,004`. */
function count(amount: number): string {
  return amount.toLocaleString("en-US");
}

function sum(amounts: readonly number[]): number {
  return amounts.reduce((total, amount) => total + amount, 0);
}

function row(name: string, text: string): string {
  return `${name.padEnd(12)}${text}`;
}
