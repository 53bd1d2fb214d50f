// SPDX-License-Identifier: MIT
/** Connections whose handshake is under way. @module */
import type * as net from "node:net";

export interface KnockingConnection {
  /** `192.0.2.1:40000`. */
  readonly address: string;
  readonly socket: net.Socket;
  readonly sinceMs: number;
}

/** Oldest first, and by where they come from. */
export class Knocking {
  readonly #connections: Map<string, KnockingConnection> = new Map();
  readonly #sources: Map<string, Map<string, KnockingConnection>> = new Map();

  get size(): number {
    return this.#connections.size;
  }

  add(address: string, socket: net.Socket): void {
    const connection: KnockingConnection = { address, socket, sinceMs: performance.now() };
    this.deleteAddress(address);
    this.#connections.set(address, connection);
    const source = sourceOf(address);
    const own = this.#sources.get(source);
    if (own === undefined) this.#sources.set(source, new Map([[address, connection]]));
    else own.set(address, connection);
  }

  /** Unless another connection has the address now. */
  delete(address: string, socket: net.Socket): void {
    if (this.#connections.get(address)?.socket === socket) this.deleteAddress(address);
  }

  deleteAddress(address: string): void {
    if (!this.#connections.delete(address)) return;
    const source = sourceOf(address);
    const own = this.#sources.get(source)!;
    own.delete(address);
    if (own.size === 0) this.#sources.delete(source);
  }

  /**
   * The oldest connection of the source that has most: whoever comes from elsewhere is not pushed out by a flood. Not to be
   * called when empty.
   */
  oldestOfMost(): KnockingConnection {
    let most: Map<string, KnockingConnection> = new Map();
    for (const own of this.#sources.values()) if (own.size > most.size) most = own;
    return most.values().next().value!;
  }

  [Symbol.iterator](): IterableIterator<KnockingConnection> {
    return this.#connections.values();
  }
}

/** The address without its port; of IPv6 the first 64 bits, which is what one host may have for itself. */
function sourceOf(address: string): string {
  const host = address.slice(0, address.lastIndexOf(":"));
  if (!host.startsWith("[")) return host;
  const [head, tail] = host.slice(1, -1).split("%")[0].split("::");
  const groups = head === "" ? [] : head.split(":");
  if (tail !== undefined) {
    const after = tail === "" ? 0 : tail.split(":").length;
    while (groups.length + after < 8) groups.push("0");
  }
  return groups.slice(0, 4).join(":");
}
