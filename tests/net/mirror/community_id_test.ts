// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { communityId } from "../../../net/mirror/community_id.ts";
import type { FlowKey } from "../../../net/wire/flow_key.ts";

function key(client: string, clientPort: number, server: string, serverPort: number): FlowKey {
  return { client: { ip: ip(client), port: clientPort }, server: { ip: ip(server), port: serverPort } };
}

function ip(text: string): Uint8Array {
  return Uint8Array.from(text.split("."), Number);
}

/** TCP vectors of seed 0: the specification's README, and Zeek's own test. IPv6 is compared with tshark in forger_e2e_test. */
const VECTORS: readonly [FlowKey, string][] = [
  [key("128.232.110.120", 34855, "66.35.250.204", 80), "1:LQU9qZlK+B5F3KDmev6m5PMibrg="],
  [key("1.2.3.4", 1122, "5.6.7.8", 3344), "1:wCb3OG7yAFWelaUydu0D+125CLM="],
];

Deno.test("published vectors, whichever end is the client", () => {
  for (const [flow, expected] of VECTORS) {
    assert.equal(communityId(flow), expected);
    assert.equal(communityId({ client: flow.server, server: flow.client }), expected);
  }
});

Deno.test("equal addresses are ordered by port, and the seed matters", () => {
  const flow = key("10.0.0.1", 10, "10.0.0.1", 11);
  assert.equal(communityId(flow), communityId({ client: flow.server, server: flow.client }));
  assert.notEqual(communityId(flow), communityId(flow, 1));
});
