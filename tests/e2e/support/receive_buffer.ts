// SPDX-License-Identifier: MIT
/** How much of a connection the kernel keeps for this process before it reads. @module */
import { LIBC_NAMES } from "../../../net/ffi/libc.ts";

const SOL_SOCKET = 1;
const SO_RCVBUF = 8;

const { symbols: { setsockopt } } = Deno.dlopen(LIBC_NAMES[0], {
  /** `int setsockopt(int fd, int level, int name, const void *value, socklen_t length)` */
  setsockopt: { parameters: ["i32", "i32", "i32", "buffer", "u32"], result: "i32" },
});

/**
 * The kernel would let it grow to some tens of megabytes, and a peer that writes as much ahead of its reader. Has no effect on what
 * has come already.
 */
export function limitReceiveBuffer(connection: Deno.Conn<Deno.NetAddr>, bytes: number): void {
  const descriptor = descriptorOf(connection);
  if (setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, new Int32Array([bytes]), 4) !== 0) {
    throw new Error(`setsockopt of ${descriptor} failed`);
  }
}

/** Deno shows none: it is looked for by the connection's ports. */
function descriptorOf({ localAddr, remoteAddr }: Deno.Conn<Deno.NetAddr>): number {
  const port = (address: Deno.NetAddr) => address.port.toString(16).toUpperCase().padStart(4, "0");
  const line = new RegExp(`: \\w+:${port(localAddr)} \\w+:${port(remoteAddr)} (?:\\S+ +){6}(\\d+) `);
  for (const table of ["/proc/self/net/tcp", "/proc/self/net/tcp6"]) {
    const inode = line.exec(Deno.readTextFileSync(table))?.[1];
    if (inode === undefined) continue;
    for (const { name } of Deno.readDirSync("/proc/self/fd")) {
      if (readLink(`/proc/self/fd/${name}`) === `socket:[${inode}]`) return Number(name);
    }
  }
  throw new Error(`no descriptor of the connection from port ${localAddr.port} to port ${remoteAddr.port}`);
}

/** Undefined when the descriptor is closed meanwhile. */
function readLink(path: string): string | undefined {
  try {
    return Deno.readLinkSync(path);
  } catch {
    return undefined;
  }
}
