// SPDX-License-Identifier: MIT
/**
 * Sees that a server goes on taking connections. Where descriptors are missing for a moment, the runtime's stops doing so for good and
 * says nothing: connections wait in the kernel's queue then, which is looked at.
 *
 * @module
 */
import type * as net from "node:net";

/** Sockets that listen come first there; some hundred of them. */
const LOOKED_AT_BYTES = 64 * 1024;
const LISTENS = "0A";

export class AcceptWatch {
  readonly #server: net.Server;
  readonly #options: net.ListenOptions;
  #accepted = 0;
  #acceptedBefore = 0;
  #wereWaiting = false;

  /** `server` listens as `options` say, port included. */
  constructor(server: net.Server, options: net.ListenOptions) {
    this.#server = server;
    this.#options = options;
    server.on("connection", () => this.#accepted++);
  }

  /** Has the server listen anew if it has taken nothing between the last two looks although somebody waited at both; answers whether. */
  look(): boolean {
    const isIdle = this.#accepted === this.#acceptedBefore;
    this.#acceptedBefore = this.#accepted;
    const areWaiting = isIdle && waitingConnections(this.#options.port!) > 0;
    const isDead = areWaiting && this.#wereWaiting || !this.#server.listening;
    this.#wereWaiting = areWaiting;
    if (!isDead) return false;
    // Connections that are there stay, those in the queue are reset: agents come again.
    if (this.#server.listening) this.#server.close();
    this.#server.listen(this.#options);
    this.#wereWaiting = false;
    return true;
  }
}

/** Connections to a port of this host that nobody has taken yet; 0 where that is not to be seen. */
function waitingConnections(port: number): number {
  let waiting = 0;
  for (const table of ["tcp", "tcp6"]) {
    for (const line of linesOf(`/proc/self/net/${table}`)) {
      const [, local = "", , state, queues = ""] = line.trim().split(/ +/);
      if (state === LISTENS && parseInt(local.split(":")[1], 16) === port) {
        waiting += parseInt(queues.split(":")[1], 16) || 0;
      }
    }
  }
  return waiting;
}

function linesOf(path: string): string[] {
  try {
    using file = Deno.openSync(path);
    const bytes = new Uint8Array(LOOKED_AT_BYTES);
    let length = 0;
    for (let read; (read = file.readSync(bytes.subarray(length))) !== null && read > 0;) length += read;
    return new TextDecoder().decode(bytes.subarray(0, length)).split("\n");
  } catch {
    // There is no such file, or still no descriptor for it.
    return [];
  }
}
