// SPDX-License-Identifier: MIT
/** A look at a collector: as an agent that has nothing to send. @module */
import type { Socket } from "node:net";
import type { Credentials } from "../../pki/credentials.ts";
import {
  linkBlock,
  type LinkHead,
  linkHead,
  type LinkMessage,
  newSessionId,
  parseLinkHead,
} from "../blocks/link.ts";
import { LinkReader, SMALL_MEMORY } from "../blocks/link_reader.ts";
import type { RemoteTarget } from "../target.ts";
import { dial } from "./dial.ts";
import { collectorTrouble } from "./trouble.ts";

/** Above the head of any collector; what a stranger sends more of is left. */
const HEAD_BYTES_MAX = 4096;

/** What a collector said to an agent that it lets in. */
export interface Visited extends LinkHead {
  /** Bytes of IP packet in the longest frame that it takes. */
  readonly mtu: number;
  /** How far its clock is ahead of this host's, as far as that is certain: 0 where it may be the same. */
  readonly aheadMs: number | undefined;
}

/**
 * Connects as agents do, and leaves with an end of no packets once it is welcome. Rejects with an `Error` that says why a
 * collector is not to be had, or lets this agent not in.
 */
export async function visit(
  target: RemoteTarget,
  credentials: Credentials | undefined,
  application: string,
  timeoutMs: number,
): Promise<Visited> {
  const signal = AbortSignal.timeout(timeoutMs);
  const beganMs = Date.now();
  const { socket } = await dial(target, credentials, timeoutMs, signal);
  try {
    return await converse(socket, application, beganMs, signal);
  } finally {
    socket.destroy();
  }
}

function converse(
  socket: Socket,
  application: string,
  beganMs: number,
  signal: AbortSignal,
): Promise<Visited> {
  const { promise, resolve, reject } = Promise.withResolvers<Visited>();
  let first = new Uint8Array(0);
  let head: LinkHead | undefined;
  let headMs = 0;
  let visited: Visited | undefined;
  const receive = (message: LinkMessage) => {
    if (message.kind === "refused") return reject(new Error(`it refuses: ${message.reason}`));
    if (message.kind === "welcome") {
      const { application = "", clockMs } = head ?? {};
      visited = { application, clockMs, mtu: message.mtu, aheadMs: ahead(clockMs, beganMs, headMs) };
      socket.write(linkBlock({ kind: "end", next: 0 }));
    }
    // The end is acknowledged: the collector counts this agent as gone in order.
    if (message.kind === "ack" && visited) resolve(visited);
  };
  const reader = new LinkReader(0, SMALL_MEMORY, {
    keptBytes: Infinity,
    packets: () => {},
    message: receive,
  });
  socket.on("data", (bytes: Uint8Array) => {
    if (head === undefined && first.length < HEAD_BYTES_MAX) {
      first = Uint8Array.from([...first, ...bytes.subarray(0, HEAD_BYTES_MAX)]);
      head = parseLinkHead(first);
      headMs = Date.now();
    }
    try {
      for (let at = 0; at < bytes.length;) at += reader.push(bytes, at);
    } catch (error) {
      reject(new Error(collectorTrouble(error)));
    }
  });
  socket.on("error", reject).on("close", () => reject(new Error("connection closed")));
  signal.addEventListener("abort", () => reject(new Error("no answer in time")));
  socket.write(linkHead(application, "doctor"));
  socket.write(
    linkBlock({ kind: "hello", session: newSessionId(), first: 0, next: 0, mtu: 0, name: "doctor" }),
  );
  return promise;
}

/** Its clock was told between the two moments of this host's. */
function ahead(clockMs: number | undefined, beganMs: number, heardMs: number): number | undefined {
  if (clockMs === undefined) return undefined;
  return clockMs > heardMs ? clockMs - heardMs : Math.min(0, clockMs - beganMs);
}
