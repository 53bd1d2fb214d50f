// SPDX-License-Identifier: MIT
/** Which interfaces there are, in this process's own network namespace. @module */
import { allInterfaces, type PcapInterface, pcapLibrary } from "../ffi/pcap.ts";
import { LinkQuery } from "../ffi/rtnetlink.ts";
import { IP_PACKET_MAX } from "../wire/ipv4.ts";
import { DEFAULT_MTU } from "./sink.ts";

/** Sorted names, as people give them. */
export function interfaceNames(): string[] {
  const names = Deno.build.os === "linux"
    ? asked((query) => query.names())
    : allInterfaces(pcapLibrary()).map(({ name, description }) => description || name);
  return names.sort();
}

/** The name by which an interface is opened; undefined: none, or more than one, is called so. */
export function deviceOf(name: string): string | undefined {
  if (Deno.build.os === "linux") return interfaceNames().includes(name) ? name : undefined;
  return deviceAmong(allInterfaces(pcapLibrary()), name);
}

/** Of Npcap's interfaces, by the name of the device or by its description. */
export function deviceAmong(known: readonly PcapInterface[], name: string): string | undefined {
  if (known.some((device) => device.name === name)) return name;
  const described = known.filter(({ description }) => description === name);
  return described.length === 1 ? described[0].name : undefined;
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
