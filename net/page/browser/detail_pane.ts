// SPDX-License-Identifier: MIT
/// <reference lib="dom" />
/** All that is known of one row. @module */
import type { VNode } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { FlowPeer } from "../../view/flow_facts.ts";
import type { Detail, MessageDetail, PageRow, ShownField } from "../messages.ts";
import { BodyView } from "./body_view.ts";
import type { Condition } from "./filter_text.ts";
import { bytesText, clockText, durationText } from "./format.ts";
import { html } from "./html.ts";
import { ask, download } from "./session.ts";
import { Value } from "./value.ts";

interface DetailPaneProps {
  readonly row: PageRow;
  readonly onFilter: (condition: Condition, isOpposite: boolean) => void;
  readonly onClose: () => void;
}

export function DetailPane({ row, onFilter, onClose }: DetailPaneProps): VNode {
  const [detail, setDetail] = useState<Detail>();
  const [trouble, setTrouble] = useState("");
  const pane = useRef<HTMLElement>(null);
  useEffect(() => {
    pane.current!.focus();
    const asked = new AbortController();
    ask(`/api/detail?row=${row.number}`, asked.signal).then(async (response) => {
      if (response.ok) setDetail(await response.json());
      else setTrouble(await response.text());
    }).catch(() => asked.signal.aborted || setTrouble("no answer"));
    return () => asked.abort();
  }, []);
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "Escape") onClose();
  };
  const title = row.kind === "http" ? `${row.method} ${row.host}${row.path}` : `${row.host} ${row.path}`;
  return html`
    <section class="detail" aria-label="Detail" tabindex="-1" ref=${pane} onKeyDown=${onKeyDown}>
      <div class="title"><h2>${title}</h2><button onClick=${onClose} aria-label="Close">×</button></div>
      ${trouble && html`<p role="alert">${trouble}</p>`}
      ${detail && html`<${Parts} detail=${detail} onFilter=${onFilter} />`}
    </section>
  `;
}

interface PartsProps extends Pick<DetailPaneProps, "onFilter"> {
  readonly detail: Detail;
}

function Parts({ detail, onFilter }: PartsProps): VNode {
  const { row, request, response, remarks } = detail;
  return html`
    ${row.cut && html`<p class="bad">cut: ${row.cut}</p>`}
    ${remarks.map((remark) => html`<p class="warn">${remark}</p>`)}
    <${Flow} detail=${detail} onFilter=${onFilter} />
    <${Timing} detail=${detail} />
    ${request && html`<${Message} name="Request" side="request" row=${row} message=${request} />`}
    ${response
      ? html`<${Message} name="Response" side="response" row=${row} message=${response} />`
      : row.kind === "http" && html`<p class="bad">No response was seen.</p>`}
  `;
}

function Flow({ detail: { row, flow, forged }, onFilter }: PartsProps): VNode {
  const value = (field: string, shown: string | number) =>
    html`<${Value} field=${field} value=${shown} onFilter=${onFilter} />`;
  const peer = (name: string, { ip, port }: FlowPeer) => html`${value(name, ip)} port ${port}`;
  const save = async (what: string, name: string) => {
    const answer = await ask(`/api/${what}`);
    if (answer.ok) download(name, await answer.blob());
  };
  return html`
    <section aria-label="Connection">
      <h3>Connection</h3>
      <dl>
        <dt>Program</dt><dd>${value("program", flow.program)} pid ${value("pid", flow.pid)}, uid
          ${" "}${value("uid", flow.uid)}, ${flow.role}</dd>
        <dt>Client</dt><dd>${peer("client", flow.client)}</dd>
        <dt>Server</dt><dd>${value("server", flow.server.ip)} port ${value("port", flow.server.port)}</dd>
        <dt>Addresses known by</dt><dd>${flow.attribution}</dd>
        ${flow.sni && html`
          <dt>Server name</dt>
          <dd>${value("sni", flow.sni)}</dd>
        `}
        <dt>TLS</dt><dd>${flow.tls}${flow.alpn && `, ${flow.alpn}`}${row.version &&
          html`, HTTP/${value("version", row.version)}`}</dd>
        <dt>Community ID</dt><dd>${flow.communityId || "-"}</dd>
        ${forged && html`
          <dt>In packets</dt>
          <dd>server port ${forged.port}, Community ID ${forged.communityId}</dd>
        `}
        ${flow.communityId && html`
          <dt>Filter for a capture</dt>
          <dd>${packetFilter(flow.client, { ...flow.server, port: forged?.port ?? flow.server.port })}</dd>
        `}
        <dt>Number</dt><dd>${flow.id}${flow.joinedLate && ", joined late"}</dd>
      </dl>
      ${row.kind === "http" && html`
        <p class="buttons">
          <button onClick=${() =>
            save(`har?row=${row.number}`, `exchange-${row.number}.har`)}>HAR of this exchange</button>
          <button onClick=${() =>
            save(`har?flow=${flow.id}`, `connection-${flow.id}.har`)}>HAR of the connection</button>
          <button onClick=${() =>
            save(`pcapng?flow=${flow.id}`, `connection-${flow.id}.pcapng`)}>pcapng of the connection</button>
        </p>
      `}
    </section>
  `;
}

/** What tcpdump and Wireshark's capture filters take. */
const packetFilter = (client: FlowPeer, server: FlowPeer): string =>
  [client, server].map(({ ip, port }) => `host ${ip} and tcp port ${port}`).join(" and ");

function Timing({ detail: { row, waitMs, receiveMs } }: { readonly detail: Detail }): VNode {
  const total = Math.max(row.ms, waitMs + receiveMs, 1e-3);
  const part = (name: string, ms: number, kind: string) =>
    html`
      <dt>${name}</dt>
      <dd><meter class=${kind} min="0" max=${total} value=${ms} aria-hidden="true"></meter>${" "}
            ${durationText(ms)}</dd>
    `;
  return html`
    <section aria-label="Timing">
      <h3>Timing</h3>
      <dl>
        <dt>Began</dt><dd>${clockText(row.timeMs)}</dd>
        ${row.kind === "http" && part("Up to the response", waitMs, "wait")}
        ${row.kind === "http" && part("Receiving it", receiveMs, "receive")}
        <dt>Together</dt><dd>${durationText(row.ms)}</dd>
      </dl>
    </section>
  `;
}

interface MessageProps {
  readonly name: string;
  readonly side: "request" | "response";
  readonly row: PageRow;
  readonly message: MessageDetail;
}

function Message({ name, side, row, message }: MessageProps): VNode {
  const { firstLine, fields, trailers, body } = message;
  return html`
    <section aria-label=${name}>
      <h3>${name}</h3>
      ${firstLine && html`<p class="first">${firstLine}</p>`}
      <${Fields} name=${`Fields of the ${side}`} fields=${fields} />
      ${trailers.length > 0 && html`
        <h4>Trailers</h4>
        <${Fields} name="Trailers" fields=${trailers} />
      `}
      ${body.lengthBytes > 0 && html`
        <h4>Body, ${bytesText(body.lengthBytes)}${body.codings.length > 0 &&
          ` (${body.codings.join(", ")})`}</h4>
        ${body.keptBytes === 0
          ? html`<p>Not kept: start with --bodies SIZE to keep bodies.</p>`
          : html`<${BodyView} row=${row.number} side=${side} facts=${body} />`}
      `}
    </section>
  `;
}

function Fields(
  { name, fields }: { readonly name: string; readonly fields: readonly ShownField[] },
): VNode | null {
  if (fields.length === 0) return null;
  return html`
    <table aria-label=${name}>
      <tbody>${fields.map(([field, value]) =>
        html`
          <tr>
            <th scope="row">${field}</th>
            <td>${value}</td>
          </tr>
        `
      )}</tbody>
    </table>
  `;
}
