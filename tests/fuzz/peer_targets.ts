// SPDX-License-Identifier: MIT
/**
 * What is fuzzed of HTTP/2 beside readers of their own, made for that or real servers: what they act on is told, with room for what
 * waits and without.
 */
import type { Codec } from "../../codecs/codec.ts";
import { http2to1 } from "../../codecs/http2to1/codec.ts";
import { converse } from "../support/http2_conversation.ts";
import { checkPeer, PEER_PROGRAMS, PEERS } from "../support/http2_peers.ts";
import type { Random } from "../support/random.ts";
import { missing } from "../support/run.ts";

/** Starting a server takes as long as so many connections. */
const PEER_CONNECTIONS = 200;
/** Connections of a round without a server. */
const CONNECTIONS = 1000;

/** Whether a codec has room for what waits, and that codec. */
function randomCodec(random: Random): [isRoomy: boolean, codec: Codec] {
  const isRoomy = random.oneIn(2);
  return [isRoomy, http2to1(isRoomy ? {} : { maxMemoryBytes: 64 * 1024, maxWaitingBytes: 256 * 1024 })];
}

/** Generated connections with generated answers. */
export function connectionsTarget(random: Random): void {
  const [isRoomy, codec] = randomCodec(random);
  converse(random, CONNECTIONS, codec, isRoomy);
}

/** Generated connections to one of the servers that are on this machine. */
export async function peerTarget(random: Random): Promise<void> {
  const names = Object.keys(PEERS).filter((name) => missing(...PEER_PROGRAMS[name]) === undefined);
  if (names.length === 0) return;
  const [, codec] = randomCodec(random);
  const start = PEERS[names[random.below(names.length)]];
  await checkPeer(start, random, PEER_CONNECTIONS, codec);
}
