// SPDX-License-Identifier: MIT
/** Which interfaces there are. @module */
import { allInterfaces, pcapLibrary } from "../ffi/pcap.ts";
import { IP_PACKET_MAX } from "../wire/ipv4.ts";
import { DEFAULT_MTU } from "./sink.ts";

const LINUX_FOLDER = "/sys/class/net";
/** In the flags of an interface. */
const IFF_UP = 1;

/** Sorted names. */
export function interfaceNames(): string[] {
  const names = Deno.build.os === "linux"
    ? [...Deno.readDirSync(LINUX_FOLDER)].filter((entry) => !entry.isFile).map((entry) => entry.name)
    : allInterfaces(pcapLibrary());
  return names.sort();
}

/** Bytes of IP packet that a frame may carry; on systems that do not tell, that of Ethernet. */
export function interfaceMtu(name: string): number {
  if (Deno.build.os !== "linux") {
    return DEFAULT_MTU;
  }
  const mtu = Number(Deno.readTextFileSync(`${LINUX_FOLDER}/${name}/mtu`));
  return Math.min(mtu, IP_PACKET_MAX);
}

/** Whether it takes frames; true where that cannot be told, and when it is gone: sending then says what is wrong. */
export function isInterfaceUp(name: string): boolean {
  if (Deno.build.os !== "linux") return true;
  try {
    return (Number(Deno.readTextFileSync(`${LINUX_FOLDER}/${name}/flags`)) & IFF_UP) !== 0;
  } catch {
    return true;
  }
}
