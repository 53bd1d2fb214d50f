// SPDX-License-Identifier: MIT
/** Writing to a TCP connection of the runtime's without waiting for a turn of its event loop. @module */
import { DescriptorWriter } from "./descriptor_writer.ts";
import { libc } from "./libc.ts";
import { IS_LINUX } from "./platform.ts";

const AF_INET = 2;
const AF_INET6 = 10;
const F_DUPFD_CLOEXEC = 1030;
const LOWEST_FD = 10;
/** `struct sockaddr_in6`, the longer of those that matter; a port is at the same place in both. */
const ADDRESS_BYTES = 28;

/**
 * A writer with a descriptor of its own for the connection, which the caller closes too; undefined where it is not sure which
 * descriptor is the connection's: not on Linux, or two peers happen to have one port.
 */
export function connectionWriter({ localAddr, remoteAddr }: Deno.TcpConn): DescriptorWriter | undefined {
  if (!IS_LINUX) return undefined;
  const { getsockname, getpeername } = libc();
  const found = openDescriptors().filter((fd) =>
    portOf(getpeername, fd) === remoteAddr.port && portOf(getsockname, fd) === localAddr.port
  );
  if (found.length !== 1) return undefined;
  const own = libc().fcntl(found[0], F_DUPFD_CLOEXEC, LOWEST_FD);
  return own < 0 ? undefined : new DescriptorWriter(own, "socket");
}

function openDescriptors(): number[] {
  try {
    return [...Deno.readDirSync("/proc/self/fd")].map(({ name }) => Number(name));
  } catch {
    return [];
  }
}

/** Port of one end of an Internet socket; undefined for anything else. */
function portOf(
  addressOf: (fd: number, address: Uint8Array<ArrayBuffer>, length: Uint8Array<ArrayBuffer>) => number,
  fd: number,
): number | undefined {
  const address = new Uint8Array(ADDRESS_BYTES);
  const length = new Uint8Array(Uint32Array.of(ADDRESS_BYTES).buffer);
  if (addressOf(fd, address, length) !== 0) return undefined;
  const view = new DataView(address.buffer);
  const family = view.getUint16(0, true);
  return family === AF_INET || family === AF_INET6 ? view.getUint16(2) : undefined;
}
