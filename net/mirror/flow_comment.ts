/** What the first packet of a flow or of a lane says about it to people. @module */
import { communityId } from "./community_id.ts";
import type { Flow } from "./flow.ts";
import { type FlowKey, formatFlowKey } from "../wire/flow_key.ts";

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
  if (attribution) {
    fields.push(["flow", formatFlowKey(attribution.key)], ["community-id", communityId(attribution.key)]);
  }
  if (info.late) fields.push(["joined", "late"]);
  return fields.map(([name, value]) => `${name}=${printable(String(value))}`).join(" ");
}

/**
 * What ties a lane to its flow: behind what the codec calls it, its 5-tuple and Community ID as they are forged, and all that
 * {@linkcode describeFlow} says. A flow may have no packet but those of its lanes.
 */
export function describeLane(comment: string, lane: FlowKey, flow: string): string {
  return `${comment} lane=${formatFlowKey(lane)} lane-community-id=${communityId(lane)} ${flow}`;
}

/** Names come from the program or its peer: what could break a line or mislead a terminal is replaced. */
export function printable(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.replace(/[\s\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e]/g, "_");
}

/** The same for a text whose words may have blanks between them. */
export function printableLine(text: string): string {
  return text.split(" ").map(printable).join(" ");
}

const TLS_NAMES: Record<number, string> = { 0x0301: "1.0", 0x0302: "1.1", 0x0303: "1.2", 0x0304: "1.3" };

/** `1.3` for 0x0304; `-` when unknown. */
export function tlsName(version: number): string {
  return TLS_NAMES[version] ?? "-";
}
