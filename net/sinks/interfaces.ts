// SPDX-License-Identifier: MIT
/** Which interfaces there are, in this process's own network namespace. @module */
import { adapterNames } from "../ffi/adapters.ts";
import { allInterfaces, pcapLibrary } from "../ffi/pcap.ts";
import { IS_LINUX, IS_WINDOWS } from "../ffi/platform.ts";
import { LinkQuery } from "../ffi/rtnetlink.ts";
import { IP_PACKET_MAX } from "../wire/ipv4.ts";
import { DEFAULT_MTU } from "./sink.ts";

/** An interface of Npcap, by its names. */
export interface NamedDevice {
  /** By which it is opened: `\\Device\\NPF_{GUID}`, or another one that has no GUID. */
  readonly device: string;
  /** By which Windows shows it ("Ethernet"), and no other one; empty: it does not show it. */
  readonly systemName: string;
  /** Of its hardware or driver, which several may have; empty: none. */
  readonly description: string;
}

/** Sorted names, as people give them. */
export function interfaceNames(): string[] {
  const names = IS_LINUX ? asked((query) => query.names()) : namedDevices().map(shownName);
  return names.sort();
}

/** The name by which an interface is opened; undefined: none, or more than one, is called so. */
export function deviceOf(name: string): string | undefined {
  if (IS_LINUX) return interfaceNames().includes(name) ? name : undefined;
  return deviceAmong(namedDevices(), name);
}

/** By the name of the device, else by the system's name for it, else by a description that no other one has. */
export function deviceAmong(known: readonly NamedDevice[], name: string): string | undefined {
  const found = known.find(({ device }) => device === name) ??
    known.find(({ systemName }) => systemName === name);
  if (found !== undefined) return found.device;
  const described = known.filter(({ description }) => description === name);
  return described.length === 1 ? described[0].device : undefined;
}

/** With the device, since a name may be of more than one. */
export function shownName({ device, systemName, description }: NamedDevice): string {
  const name = systemName || description;
  return name === "" ? device : `${JSON.stringify(name)} (${device})`;
}

function namedDevices(): NamedDevice[] {
  const names = IS_WINDOWS ? adapterNames() : new Map<string, string>();
  return allInterfaces(pcapLibrary()).map(({ name, description }) => ({
    device: name,
    systemName: names.get(/\{.*\}$/.exec(name)?.[0] ?? "") ?? "",
    description,
  }));
}

/** Bytes of IP packet that a frame may carry; on systems that do not tell, and when it is gone, those of Ethernet. */
export function interfaceMtu(name: string): number {
  if (!IS_LINUX) return DEFAULT_MTU;
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
