// SPDX-License-Identifier: MIT
/// <reference lib="dom" />
/** How the agent or collector is. @module */
import type { VNode } from "preact";
import { useEffect, useState } from "preact/hooks";
import { flowsText } from "../../status/flows_text.ts";
import { LEFT_OUT, repeatText } from "../../status/left_out.ts";
import { visible } from "../../wire/printable.ts";
import type {
  AgentReport,
  CollectorReport,
  LossReports,
  RemoteAgentReport,
  SinkReport,
  StatusReport,
} from "../../status/report.ts";
import type { Sample, StatusMessage } from "../messages.ts";
import { Chart } from "./chart.ts";
import { bytesText, countText, durationText } from "./format.ts";
import { html } from "./html.ts";
import { ask } from "./session.ts";

const ASK_MS = 2000;

export function StatusView(): VNode {
  const [status, setStatus] = useState<StatusMessage>();
  const [trouble, setTrouble] = useState("");
  useEffect(() => {
    const asked = new AbortController();
    const look = async () => {
      try {
        const response = await ask("/api/status", asked.signal);
        setTrouble(response.ok ? "" : await response.text());
        if (response.ok) setStatus(await response.json());
      } catch {
        if (!asked.signal.aborted) setTrouble("No answer: asking again.");
      }
    };
    void look();
    const timer = setInterval(look, ASK_MS);
    return () => {
      clearInterval(timer);
      asked.abort();
    };
  }, []);
  return html`
    <div class="status">
      ${trouble && html`<p role="alert">${trouble}</p>`}
      ${status?.report && html`<${Report} report=${status.report} samples=${status.samples} />`}
    </div>
  `;
}

interface ReportProps {
  readonly report: StatusReport;
  readonly samples: readonly Sample[];
}

function Report({ report, samples }: ReportProps): VNode {
  const { role, pid, version, startedMs, nowMs, place, health, sinks, certificate } = report;
  return html`
    <h2>${role === "agent" ? "Agent" : "Collector"}${" "}
      <span class=${health.state === "healthy" ? "good" : "bad"}>${health.state}</span></h2>
    <p>pid ${pid}, up ${durationText(nowMs - startedMs)}, ${version}${place && `, ${place}`}
      ${certificate &&
        `, certificate ${certificate.name} up to ${
          new Date(certificate.validToMs).toISOString().slice(0, 10)
        }`}</p>
    ${health.reasons.length > 0 &&
      html`<ul>${health.reasons.map((reason) => html`<li class="bad">${reason}</li>`)}</ul>`}
    <${Charts} samples=${samples} role=${role} />
    ${report.role === "agent"
      ? html`<${AgentFacts} report=${report} />`
      : html`<${Agents} report=${report} />`}
    <${Sinks} sinks=${sinks} />
  `;
}

interface ChartsProps {
  readonly samples: readonly Sample[];
  readonly role: "agent" | "collector";
}

function Charts({ samples, role }: ChartsProps): VNode {
  const isAgent = role === "agent";
  const lost = isAgent ? bytesText : (packets: number) => `${countText(packets)} packets`;
  return html`
    <section class="charts" aria-label="Last hour">
      <${Chart} name=${isAgent ? "Captured" : "Collected"} samples=${samples} of=${({ bytes }: Sample) =>
        bytes}
        text=${(rate: number) => `${bytesText(rate)}/s`} />
      <${Chart} name="Packets" samples=${samples} of=${({ packets }: Sample) => packets}
        text=${(rate: number) => `${countText(rate)}/s`} />
      <${Chart} name="Lost" samples=${samples} of=${({ lost }: Sample) => lost} isBad=${true}
        text=${(rate: number) => `${lost(rate)}/s`} />
    </section>
  `;
}

function AgentFacts({ report }: { readonly report: AgentReport }): VNode {
  const { programs, captured, forged, packets, lost, unforged, rings } = report;
  const refused = Object.entries(programs.refused).map(([reason, count]) => `${reason} (${count})`).join(
    ", ",
  );
  const ways = ({ toServer, toClient }: typeof captured) =>
    `${bytesText(toServer)} to servers, ${bytesText(toClient)} to clients`;
  return html`
    <section aria-label="Counts">
      <h3>Counts</h3>
      <dl>
        <dt>Programs</dt><dd>${programs.mirrored} mirrored, ${programs.soFar} so far${refused &&
          `, not: ${refused}`}</dd>
        <dt>Flows</dt><dd>${flowsText(report, countText)}</dd>
        <dt>Captured</dt><dd>${ways(captured)}</dd>
        <dt>In packets</dt><dd>${ways(forged)}, ${countText(packets)} packets</dd>
        ${rings && html`
          <dt>Rings</dt>
          <dd>${rings.count}, ${bytesText(rings.usedBytes)} of ${bytesText(rings.maxBytes)} in use</dd>
        `}
      </dl>
      <${Losses} name="Lost" losses=${lossesThat(lost, false)} />
      <${Losses} name="Left out" losses=${lossesThat(lost, true)} />
      <${Losses} name="Not in packets" losses=${unforged} />
    </section>
  `;
}

/** Those that somebody chose or that are mirrored elsewhere, or all others. */
function lossesThat(losses: LossReports, areLeftOut: boolean): LossReports {
  return Object.fromEntries(Object.entries(losses).filter(([reason]) => LEFT_OUT.has(reason) === areLeftOut));
}

function Losses({ name, losses }: { readonly name: string; readonly losses: LossReports }): VNode | null {
  const rows = Object.entries(losses).filter(([, { amount }]) => amount > 0);
  if (rows.length === 0) return null;
  return html`
    <h4>${name}</h4>
    <table aria-label=${name}>
      <thead>
        <tr>
          <th scope="col">Reason</th>
          <th scope="col">Bytes</th>
          <th scope="col">Last</th>
        </tr>
      </thead>
      <tbody>${rows.map(([reason, { amount, lastMs }]) =>
        html`
          <tr>
            <th scope="row">${repeatText(reason)}</th>
            <td>${bytesText(amount)}</td>
            <td>${lastMs === undefined ? "" : new Date(lastMs).toLocaleTimeString()}</td>
          </tr>
        `
      )}</tbody>
    </table>
  `;
}

function Sinks({ sinks }: { readonly sinks: readonly SinkReport[] }): VNode {
  const drops = ({ dropped }: SinkReport) => lossText(dropped);
  const remote = ({ remote }: SinkReport) =>
    remote === undefined
      ? ""
      : remote.isConnected
      ? `connected, ${countText(remote.waitingPackets)} packets behind, queue ${
        bytesText(remote.queuedBytes)
      }, spool ${bytesText(remote.spooledBytes)}`
      : `not connected${remote.trouble && `: ${visible(remote.trouble)}`}`;
  return html`
    <section aria-label="Sinks">
      <h3>Sinks</h3>
      <table aria-label="Sinks">
        <thead>
          <tr>${["Sink", "State", "Packets", "Written", "Dropped", "Collector"].map((name) =>
            html`<th scope="col">${name}</th>`
          )}</tr>
        </thead>
        <tbody>${sinks.map((sink) =>
          html`
            <tr>
              <th scope="row">${sink.name}</th>
              <td class=${sink.state === "working" ? "good" : "bad"}>${sink.state}</td>
              <td>${countText(sink.packets)}</td>
              <td>${bytesText(sink.writtenBytes)}</td>
              <td>${drops(sink)}</td>
              <td>${remote(sink)}</td>
            </tr>
          `
        )}</tbody>
      </table>
    </section>
  `;
}

function Agents({ report: { agents } }: { readonly report: CollectorReport }): VNode {
  const columns = [
    "Agent",
    "Address",
    "State",
    "Packets",
    "Bytes",
    "Behind",
    "Lost there",
    "Left out here",
    "With another",
    "Queue",
    "Spool",
    "Version",
  ];
  const size = ({ connections }: RemoteAgentReport, bytes: number | undefined) =>
    bytes !== undefined ? bytesText(bytes) : connections > 0 ? "?" : "–";
  return html`
    <section aria-label="Agents">
      <h3>Agents</h3>
      <table aria-label="Agents">
        <thead><tr>${columns.map((name) => html`<th scope="col">${name}</th>`)}</tr></thead>
        <tbody>${agents.map((agent) =>
          html`
            <tr>
              <th scope="row">${visible(agent.name)}</th>
              <td>${agent.address}</td>
              <td class=${agent.connections > 0 ? "good" : "bad"}>${agent.connections > 0
                ? "connected"
                : "away"} ${durationText(agent.forMs)}</td>
              <td>${countText(agent.packets)}</td>
              <td>${bytesText(agent.bytes)}</td>
              <td>${countText(agent.lagPackets)} (${durationText(agent.lagMs)})</td>
              <td>${lossText(agent.lost) || "0"}</td>
              <td>${lossText(agent.dropped) || "0"}</td>
              <td>${countText(agent.elsewhere)}</td>
              <td>${size(agent, agent.queuedBytes)}</td>
              <td>${size(agent, agent.spooledBytes)}</td>
              <td>${visible(agent.application ?? "?")}</td>
            </tr>
          `
        )}</tbody>
      </table>
      ${agents.length === 0 && html`<p>No agent has come yet.</p>`}
    </section>
  `;
}

const lossText = (losses: LossReports): string =>
  Object.entries(losses).filter(([, { amount }]) => amount > 0)
    .map(([reason, { amount }]) => `${countText(amount)} ${reason}`).join(", ");
