// SPDX-License-Identifier: MIT
/** Community ID, version 1 (corelight/community-id-spec): one name for both directions of a flow. @module */
import { createHash } from "node:crypto";
import type { FlowKey, SocketAddress } from "../wire/flow_key.ts";
import { IP_PROTOCOL_TCP } from "../wire/ipv4.ts";

/** Community ID of a TCP flow, `1:` and a base64 SHA-1. `seed` is the site's, 0 to 65535, 0 as a rule. */
export function communityId(key: FlowKey, seed = 0): string {
  const [low, high] = precedes(key.client, key.server) ? [key.client, key.server] : [key.server, key.client];
  const addressLength = low.ip.length;
  const bytes = new Uint8Array(2 + 2 * addressLength + 6);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, seed);
  bytes.set(low.ip, 2);
  bytes.set(high.ip, 2 + addressLength);
  const after = 2 + 2 * addressLength;
  view.setUint8(after, IP_PROTOCOL_TCP);
  view.setUint16(after + 2, low.port);
  view.setUint16(after + 4, high.port);
  return "1:" + createHash("sha1").update(bytes).digest("base64");
}

/** The smaller address comes first, of equal ones the smaller port. */
function precedes(a: SocketAddress, b: SocketAddress): boolean {
  for (let at = 0; at < a.ip.length; at++) {
    if (a.ip[at] !== b.ip[at]) return a.ip[at] < b.ip[at];
  }
  return a.port <= b.port;
}
