// SPDX-License-Identifier: MIT
/** What the first packet of a flow says about it to people. @module */
import { communityId } from "./community_id.ts";
import type { Flow } from "./flow.ts";
import { formatFlowKey } from "../wire/flow_key.ts";
import { printable } from "../wire/printable.ts";

/** `pid=… program=… uid=… …`, one line, for the pcapng comment of a flow's first packet. */
export function describeFlow(flow: Flow): string {
  const { info, attribution } = flow;
  const fields: [string, string | number][] = [
    ["program", info.comm],
    ["pid", info.pid],
    ["uid", info.uid],
    ["role", info.isServer ? "server" : "client"],
    ["sni", info.sni || "-"],
    ["alpn", info.alpn || "-"],
    ["tls", tlsName(info.tlsVersion)],
    ["codec", flow.chain?.codecName || "-"],
    ["attribution", attribution?.grade ?? "none"],
  ];
  const { container, pod, source, containerName, podName } = flow.program;
  if (source !== undefined) fields.push(["source", source]);
  if (container !== undefined) fields.push(["container", container]);
  if (containerName !== undefined) fields.push(["container-name", containerName]);
  if (pod !== undefined) fields.push(["pod", pod]);
  if (podName !== undefined) fields.push(["pod-name", podName]);
  if (attribution) {
    fields.push(["flow", formatFlowKey(attribution.key)], ["community-id", communityId(attribution.key)]);
  }
  if (attribution?.program) fields.push(["program-flow", formatFlowKey(attribution.program)]);
  if (attribution?.own) fields.push(["own-flow", formatFlowKey(attribution.own)]);
  const isKnown = attribution?.confirmed === true || attribution?.grade === "none";
  if (attribution && !flow.program.isTrusted && !isKnown) fields.push(["address", "claimed"]);
  if (flow.overUnixSocket && attribution?.grade === "none") fields.push(["socket", "unix"]);
  if (flow.joinedLate) fields.push(["joined", "late"]);
  return fields.map(([name, value]) => `${name}=${printable(String(value))}`).join(" ");
}

const TLS_NAMES: Record<number, string> = { 0x0301: "1.0", 0x0302: "1.1", 0x0303: "1.2", 0x0304: "1.3" };

/** `1.3` for 0x0304; `-` when unknown. */
export function tlsName(version: number): string {
  return TLS_NAMES[version] ?? "-";
}
