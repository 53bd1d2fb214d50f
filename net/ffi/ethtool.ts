// SPDX-License-Identifier: MIT
/** What interfaces do with packets on their own account, as `ethtool -k` shows it (ioctl SIOCETHTOOL). @module */
import { cString, libc } from "./libc.ts";

const AF_INET = 2;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
const SIOCETHTOOL = 0x8946n;
const ETHTOOL_GET_FLAGS = 0x25;
const ETHTOOL_GET_GRO = 0x2b;
/** In the flags. */
const FLAG_LRO = 1 << 15;
/** `struct ifreq`: the name in 16 bytes, and the address of a `struct ethtool_value`, two words of 32 bits. */
const REQUEST_BYTES = 40;
const REQUEST_DATA = 16;

/** Merging of packets that arrive: whoever listens there sees fewer and longer ones than came. */
export interface Merging {
  /** By the kernel. */
  readonly gro: boolean;
  /** By the interface. */
  readonly lro: boolean;
}

/** Undefined where the kernel does not say. */
export function mergingOf(name: string): Merging | undefined {
  const fd = libc().socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return undefined;
  try {
    const gro = ask(fd, name, ETHTOOL_GET_GRO);
    const flags = ask(fd, name, ETHTOOL_GET_FLAGS);
    if (gro === undefined || flags === undefined) return undefined;
    return { gro: gro !== 0, lro: (flags & FLAG_LRO) !== 0 };
  } finally {
    libc().close(fd);
  }
}

function ask(fd: number, name: string, command: number): number | undefined {
  const value = Uint32Array.of(command, 0);
  const request = new Uint8Array(REQUEST_BYTES);
  request.set(cString(name));
  const address = BigInt(Deno.UnsafePointer.value(Deno.UnsafePointer.of(value)));
  new DataView(request.buffer).setBigUint64(REQUEST_DATA, address, true);
  return libc().ioctl(fd, SIOCETHTOOL, request) === 0 ? value[1] : undefined;
}
