// SPDX-License-Identifier: MIT
/** Not reading a socket for a while. @module */
import { connect, type Socket } from "node:net";
import { TLSSocket } from "node:tls";

/** Where the runtime keeps what a TLS socket is made on top of; documented nowhere, hence {@linkcode assertReadingStops}. */
interface Layered {
  readonly _parent?: { readonly _handle?: { readStop(): unknown; readStart(): unknown } | null } | null;
}

/**
 * Reads no more, so that the kernel's buffers fill and the peer has to wait. Deno's TLS sockets go on reading, and
 * decrypt into memory without bound, while they are merely paused: the connection below is stopped as well.
 */
export function stopReading(socket: Socket): void {
  socket.pause();
  (socket as Layered)._parent?._handle?.readStop();
}

export function goOnReading(socket: Socket): void {
  (socket as Layered)._parent?._handle?.readStart();
  socket.resume();
}

/** Throws when {@linkcode stopReading} would not find the connection below the TLS socket, which must not be closed. */
export function assertStoppable(socket: TLSSocket): void {
  const handle = (socket as Layered)._parent?._handle;
  if (typeof handle?.readStop === "function" && typeof handle.readStart === "function") return;
  throw new Error(
    `TLS connections cannot be made to wait in this Deno, ${Deno.version.deno}: agents could fill the memory`,
  );
}

/**
 * Throws on a runtime whose TLS sockets are made otherwise. A collector must not start there: without back-pressure, each
 * agent could fill its memory.
 */
export function assertReadingStops(): void {
  // The handle is there before the connection is, and port 0 is nobody's.
  const below = connect({ host: "127.0.0.1", port: 0 }).on("error", () => {});
  const socket = new TLSSocket(below, { isServer: true }).on("error", () => {});
  try {
    assertStoppable(socket);
  } finally {
    socket.destroy();
    below.destroy();
  }
}
