// SPDX-License-Identifier: MIT
/** Not reading a socket for a while. @module */
import type { Socket } from "node:net";

/** What a TLS socket is made on top of, as far as it tells. */
interface Layered {
  readonly _parent?: { readonly _handle?: { readStop?(): unknown; readStart?(): unknown } | null } | null;
}

/**
 * Reads no more, so that the kernel's buffers fill and the peer has to wait. Deno's TLS sockets go on reading, and
 * decrypt into memory without bound, while they are merely paused: the connection below is stopped as well.
 */
export function stopReading(socket: Socket): void {
  socket.pause();
  (socket as Layered)._parent?._handle?.readStop?.();
}

export function goOnReading(socket: Socket): void {
  (socket as Layered)._parent?._handle?.readStart?.();
  socket.resume();
}
