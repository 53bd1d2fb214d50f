// SPDX-License-Identifier: MIT
/** What a service tells whoever started it (sd_notify(3)): a datagram to the socket that NOTIFY_SOCKET names. @module */
import { errno, errnoName, libc } from "./libc.ts";

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
const MSG_NOSIGNAL = 0x4000;
/** `sun_path`. */
const PATH_BYTES_MAX = 108;

/** Sends `text`, lines of `NAME=VALUE`. Throws an Error that names the socket when it cannot be reached. */
export function tellServiceManager(socket: string, text: string): void {
  const fail = () => new Error(`cannot tell the service manager at ${socket}: ${errnoName(errno())}`);
  const address = addressOf(socket);
  const fd = libc().socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) throw fail();
  try {
    const bytes = new TextEncoder().encode(text);
    const isSent = libc().connect(fd, address, address.length) === 0 &&
      libc().send(fd, bytes, BigInt(bytes.length), MSG_NOSIGNAL) === BigInt(bytes.length);
    if (!isSent) throw fail();
  } finally {
    libc().close(fd);
  }
}

/** `struct sockaddr_un`; a name that begins with `@` is one of the abstract namespace. */
function addressOf(socket: string): Uint8Array<ArrayBuffer> {
  const path = new TextEncoder().encode(socket);
  if (path.length === 0 || path.length > PATH_BYTES_MAX) {
    throw new Error(`NOTIFY_SOCKET: ${JSON.stringify(socket)} is no socket's path`);
  }
  const address = new Uint8Array(2 + path.length);
  address[0] = AF_UNIX;
  address.set(path, 2);
  if (socket.startsWith("@")) address[2] = 0;
  return address;
}
