// SPDX-License-Identifier: MIT
/** Interfaces of this host. @module */
import { hasInterface } from "../ffi/packet_ring.ts";
import { type LinkFacts, LinkQuery } from "../ffi/rtnetlink.ts";
import { BadSetting } from "../settings/bad_setting.ts";

/** Whether hosts are reached through it: an address that the kernel gives every interface by itself does not count. */
export function hasAddress(name: string): boolean {
  return Deno.networkInterfaces().some((entry) => entry.name === name && !/^fe80:/i.test(entry.address));
}

/** Texts of the addresses of an interface; none where there is no such interface. */
export function interfaceAddresses(name: string): string[] {
  return Deno.networkInterfaces().filter((entry) => entry.name === name).map(({ address }) => address);
}

/** Throws {@linkcode BadSetting} when there is no such interface. */
export function checkInterface(name: string): void {
  if (hasInterface(name)) return;
  const known = [...new Set(Deno.networkInterfaces().map((entry) => entry.name))].sort().join(", ");
  throw new BadSetting(
    "interfaces",
    `there is no interface ${JSON.stringify(name)}: those with addresses are ${known}`,
  );
}

/** Its name; undefined where there is none of this index. */
export function linkName(index: number): string | undefined {
  const query = new LinkQuery();
  try {
    return query.names().find((name) => query.find(name)?.index === index);
  } finally {
    query.close();
  }
}

/** What the kernel says of an interface; undefined where there is none of this name. */
export function findLink(name: string): LinkFacts | undefined {
  const query = new LinkQuery();
  try {
    return query.find(name);
  } finally {
    query.close();
  }
}
