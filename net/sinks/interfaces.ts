// SPDX-License-Identifier: MIT
/** Which interfaces there are, in this process's own network namespace. @module */
import { allInterfaces, pcapLibrary } from "../ffi/pcap.ts";
import { LinkQuery } from "../ffi/rtnetlink.ts";
import { IP_PACKET_MAX } from "../wire/ipv4.ts";
import { DEFAULT_MTU } from "./sink.ts";

/** Sorted names. */
export function interfaceNames(): string[] {
  const names = Deno.build.os === "linux" ? asked((query) => query.names()) : allInterfaces(pcapLibrary());
  return names.sort();
}

/** Bytes of IP packet that a frame may carry; on systems that do not tell, and when it is gone, those of Ethernet. */
export function interfaceMtu(name: string): number {
  if (Deno.build.os !== "linux") return DEFAULT_MTU;
  return Math.min(asked((query) => query.find(name))?.mtu ?? DEFAULT_MTU, IP_PACKET_MAX);
}

function asked<T>(ask: (query: LinkQuery) => T): T {
  const query = new LinkQuery();
  try {
    return ask(query);
  } finally {
    query.close();
  }
}
