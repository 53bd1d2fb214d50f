// SPDX-License-Identifier: MIT
/** Where a client of a protocol begins in the clear, before it asks for TLS. @module */
import { bytesOf, type Conversation } from "./conversations.ts";

/** Stands before a server of TLS: answers what a client says in the clear, and then hands bytes on both ways, as they are. */
export class ClearFront implements AsyncDisposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  /** By the ports that it comes to the server from. */
  readonly #clients = new Map<number, Deno.NetAddr>();
  readonly #serving: Promise<void>[] = [];
  readonly #accepting: Promise<void>;
  #isClosed = false;

  constructor(readonly serverPort: number, readonly clear: Conversation["clear"]) {
    this.#accepting = this.#accept();
  }

  get port(): number {
    return this.#listener.addr.port;
  }

  /** Whose bytes come to the server from this port. */
  clientAt(port: number): Deno.NetAddr {
    return this.#clients.get(port)!;
  }

  async #accept(): Promise<void> {
    for await (const client of this.#listener) this.#serving.push(this.#serve(client).catch(() => {}));
  }

  async #serve(client: Deno.TcpConn): Promise<void> {
    using _client = client;
    const buffer = new Uint8Array(1 << 10);
    for (const { says } of this.clear) {
      if (await client.read(buffer) === null) return;
      await client.write(bytesOf(says));
    }
    const server = await Deno.connect({ hostname: "127.0.0.1", port: this.serverPort });
    this.#clients.set(server.localAddr.port, client.remoteAddr);
    const ways = [client.readable.pipeTo(server.writable), server.readable.pipeTo(client.writable)];
    await Promise.allSettled(ways);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#isClosed) this.#listener.close();
    this.#isClosed = true;
    await this.#accepting;
    await Promise.all(this.#serving);
  }
}
