// SPDX-License-Identifier: MIT
/** What the log keeps of a flow, once, and what readers of it know of an exchange's flow. @module */
import type { Flow } from "../mirror/flow.ts";
import { communityId } from "../mirror/community_id.ts";
import { tlsName } from "../mirror/flow_comment.ts";
import { formatIp } from "../wire/flow_key.ts";

/** One end of a flow. */
export interface FlowPeer {
  /** As text, RFC 5952 for IPv6. */
  readonly ip: string;
  /** TCP port. */
  readonly port: number;
}

/** One TLS session, as far as it is known. */
export interface FlowFacts {
  /** Number in this run, from 1. */
  readonly id: number;
  /** Name of its program, as the kernel has it. */
  readonly program: string;
  /** Its process id. */
  readonly pid: number;
  /** Its user. */
  readonly uid: number;
  /** Which end of the session it is. */
  readonly role: "client" | "server";
  /** Server name that the client asked for; empty when unknown. */
  readonly sni: string;
  /** ALPN protocol agreed on; empty when none or unknown. */
  readonly alpn: string;
  /** `1.3`; `-` when unknown. */
  readonly tls: string;
  /** Who opened the connection. */
  readonly client: FlowPeer;
  /** Who took it. */
  readonly server: FlowPeer;
  /** Of client and server; empty when they are not known. */
  readonly communityId: string;
  /** How the addresses are known. */
  readonly attribution: string;
  /** What passed before was not seen. */
  readonly joinedLate: boolean;
}

/** Of a flow whose description is not in the log any more. */
export const UNKNOWN_FLOW: FlowFacts = {
  id: 0,
  program: "?",
  pid: 0,
  uid: 0,
  role: "client",
  sni: "",
  alpn: "",
  tls: "-",
  client: { ip: "0.0.0.0", port: 0 },
  server: { ip: "0.0.0.0", port: 0 },
  communityId: "",
  attribution: "none",
  joinedLate: false,
};

/** Of a flow that is mirrored: its addresses are settled. */
export function factsOf(flow: Flow): FlowFacts {
  const { info, attribution } = flow;
  const { client, server } = attribution!.key;
  return {
    id: flow.id,
    program: flow.program.comm,
    pid: flow.program.pid,
    uid: flow.program.uid,
    role: info.isServer ? "server" : "client",
    sni: info.sni,
    alpn: info.alpn,
    tls: tlsName(info.tlsVersion),
    client: { ip: formatIp(client.ip), port: client.port },
    server: { ip: formatIp(server.ip), port: server.port },
    communityId: communityId(attribution!.key),
    attribution: attribution!.grade,
    joinedLate: flow.joinedLate,
  };
}
