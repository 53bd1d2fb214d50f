// SPDX-License-Identifier: MIT
/** What is fuzzed of HTTP/2 beside real servers: what they act on is told, with room for what waits and without. */
import { http2to1 } from "../../codecs/http2to1/codec.ts";
import { generateConnection } from "../support/http2_generator.ts";
import { PEERS, throughPeer } from "../support/http2_peers.ts";
import { assertTold, type Sent } from "../support/http2_told.ts";
import type { Random } from "../support/random.ts";
import { missing, withTempDir } from "../support/run.ts";

/** Starting a server takes as long as so many connections. */
const CONNECTIONS = 20;

/** Generated connections to one of the servers that are on this machine. */
export async function peerTarget(random: Random): Promise<void> {
  const names = Object.keys(PEERS).filter((name) => missing(name, "node") === undefined);
  if (names.length === 0) return;
  const codec = http2to1(random.oneIn(2) ? {} : { maxMemoryBytes: 64 * 1024, maxWaitingBytes: 256 * 1024 });
  await withTempDir(async (folder) => {
    const peer = await PEERS[names[random.below(names.length)]](folder);
    const sent: Sent[] = [];
    try {
      for (let i = 0; i < CONNECTIONS; i++) {
        sent.push(await throughPeer(peer.port, generateConnection(random, `c${i}`), codec));
      }
    } finally {
      assertTold(sent, await peer.stop());
    }
  });
}
