// SPDX-License-Identifier: MIT
/**
 * Whatever a client makes of HTTP/2: each request that a reader of its own, made for this or a real server, acted on is told, with
 * every field that was sent as bytes. `HTTP2_CONNECTIONS` in the environment sets how many connections.
 */
import { http2to1 } from "../../../codecs/http2to1/codec.ts";
import { converse } from "../../support/http2_conversation.ts";
import { checkPeer, PEER_PROGRAMS, PEERS } from "../../support/http2_peers.ts";
import { withSeed } from "../../support/random.ts";
import { missing } from "../../support/run.ts";
import { skipIf } from "../../support/skip.ts";

const CONNECTIONS = Number(Deno.env.get("HTTP2_CONNECTIONS") ?? 10_000);
/** Of them to each server, where a connection takes several times as long. */
const PEER_CONNECTIONS = Math.ceil(CONNECTIONS / 100);

Deno.test({
  name: `${CONNECTIONS} generated connections with answers: nothing is missing, told wrong or made up`,
  timeout: 300_000 + 20 * CONNECTIONS,
  fn: () => withSeed((random) => converse(random, CONNECTIONS, http2to1())),
});

for (const [name, start] of Object.entries(PEERS)) {
  Deno.test({
    name: `${PEER_CONNECTIONS} generated connections to ${name}: nothing that it acted on is missing`,
    ...skipIf(missing(...PEER_PROGRAMS[name])),
    timeout: 300_000 + 100 * PEER_CONNECTIONS,
    fn: () => withSeed((random) => checkPeer(start, random, PEER_CONNECTIONS, http2to1())),
  });
}
