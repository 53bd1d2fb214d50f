// SPDX-License-Identifier: MIT
/** Whatever a client makes of HTTP/2: each request that a real server acted on is told, with every field that was sent as bytes. */
import { http2to1 } from "../../../codecs/http2to1/codec.ts";
import { assertTold, type Sent } from "../../support/http2_told.ts";
import { generateConnection } from "../../support/http2_generator.ts";
import { PEERS, throughPeer } from "../../support/http2_peers.ts";
import { withSeed } from "../../support/random.ts";
import { missing, withTempDir } from "../../support/run.ts";
import { skipIf } from "../../support/skip.ts";

const CONNECTIONS = 150;
const NEEDS: Readonly<Record<string, string[]>> = {
  node: ["node"],
  nghttpd: ["nghttpd"],
  nginx: ["nginx", "node"],
};

for (const [name, start] of Object.entries(PEERS)) {
  Deno.test({
    name: `generated connections to ${name}: nothing that it acted on is missing`,
    ...skipIf(missing(...NEEDS[name])),
    fn: () =>
      withSeed((random) =>
        withTempDir(async (folder) => {
          const codec = http2to1();
          const peer = await start(folder);
          const sent: Sent[] = [];
          try {
            for (let i = 0; i < CONNECTIONS; i++) {
              sent.push(await throughPeer(peer.port, generateConnection(random, `c${i}`), codec));
            }
          } finally {
            assertTold(sent, await peer.stop());
          }
        })
      ),
  });
}
