// SPDX-License-Identifier: MIT
/** Descriptors of TCP connections of the runtime's, which does not tell them. @module */
import { libc } from "./libc.ts";
import { IS_LINUX } from "./platform.ts";

const AF_INET = 2;
const AF_INET6 = 10;
/** `struct sockaddr_in6`, the longer of those that matter; a port is at the same place in both. */
const ADDRESS_BYTES = 28;
const IPV4_AT = 4;
const IPV6_AT = 8;
const SHUT_RDWR = 2;

/** Those of this process that are the connection's, by the addresses of both ends; none of a Unix socket, or where this is not Linux. */
export function descriptorsOf({ localAddr, remoteAddr }: Deno.TcpConn | Deno.UnixConn): number[] {
  if (!IS_LINUX || localAddr.transport !== "tcp" || remoteAddr.transport !== "tcp") return [];
  const { getsockname, getpeername } = libc();
  const [local, remote] = [localAddr, remoteAddr].map(textOf);
  return openDescriptors().filter((fd) =>
    endOf(getpeername, fd) === remote && endOf(getsockname, fd) === local
  );
}

/**
 * Has both ends say no more, and what is being written fail: the runtime keeps the descriptor of a connection that is closed until its
 * other end has taken that, or for good.
 */
export function shutDown(connection: Deno.TcpConn | Deno.UnixConn): void {
  for (const fd of descriptorsOf(connection)) libc().shutdown(fd, SHUT_RDWR);
}

function openDescriptors(): number[] {
  try {
    return [...Deno.readDirSync("/proc/self/fd")].map(({ name }) => Number(name));
  } catch {
    return [];
  }
}

/** One end of an Internet socket, as {@linkcode textOf} has it; undefined for anything else. */
function endOf(
  addressOf: (fd: number, address: Uint8Array<ArrayBuffer>, length: Uint8Array<ArrayBuffer>) => number,
  fd: number,
): string | undefined {
  const address = new Uint8Array(ADDRESS_BYTES);
  const length = new Uint8Array(Uint32Array.of(ADDRESS_BYTES).buffer);
  if (addressOf(fd, address, length) !== 0) return undefined;
  const view = new DataView(address.buffer);
  const port = view.getUint16(2);
  switch (view.getUint16(0, true)) {
    case AF_INET:
      return textOf({ hostname: address.subarray(IPV4_AT, IPV4_AT + 4).join("."), port });
    case AF_INET6: {
      const groups = Array.from({ length: 8 }, (_, i) => view.getUint16(IPV6_AT + 2 * i).toString(16));
      return textOf({ hostname: groups.join(":"), port });
    }
  }
}

/** One text for all that one address may be written as. */
function textOf({ hostname, port }: { readonly hostname: string; readonly port: number }): string {
  return new URL(`http://${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`).href;
}
