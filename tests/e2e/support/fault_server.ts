// SPDX-License-Identifier: MIT
/** An HTTPS server in the test's own process that sends when the test says so, and counts what passed. @module */
import type { Fixture } from "./fixture.ts";

export class StepServer implements AsyncDisposable {
  readonly #listener: Deno.TlsListener;
  readonly #connections: StepConnection[] = [];

  constructor(fixture: Fixture) {
    this.#listener = Deno.listenTls({
      hostname: "127.0.0.1",
      port: 0,
      cert: Deno.readTextFileSync(fixture.certificate),
      key: Deno.readTextFileSync(fixture.key),
    });
  }

  get port(): number {
    return this.#listener.addr.port;
  }

  url(path: string): string {
    return `https://127.0.0.1:${this.port}${path}`;
  }

  async accept(): Promise<StepConnection> {
    const connection = new StepConnection(await this.#listener.accept());
    this.#connections.push(connection);
    return connection;
  }

  /** Clear text of all connections, to server and to client. */
  get bytes(): { readonly toServer: number; readonly toClient: number } {
    let toServer = 0;
    let toClient = 0;
    for (const { received, sent } of this.#connections) {
      toServer += received;
      toClient += sent;
    }
    return { toServer, toClient };
  }

  [Symbol.asyncDispose](): Promise<void> {
    for (const connection of this.#connections) connection.abandon();
    this.#listener.close();
    return Promise.resolve();
  }
}

export class StepConnection {
  received = 0;
  sent = 0;
  readonly #connection: Deno.TlsConn;
  #closed = false;

  constructor(connection: Deno.TlsConn) {
    this.#connection = connection;
  }

  /** Port of the client. */
  get clientPort(): number {
    return this.#connection.remoteAddr.port;
  }

  /** The next request's head; requests have no bodies and are not pipelined. */
  async request(): Promise<string> {
    const chunk = new Uint8Array(1 << 14);
    let head = "";
    while (!head.includes("\r\n\r\n")) {
      const length = await this.#connection.read(chunk);
      if (length === null) throw new Error(`the client went after ${JSON.stringify(head)}`);
      this.received += length;
      head += new TextDecoder().decode(chunk.subarray(0, length));
    }
    return head;
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      const length = await this.#connection.write(bytes.subarray(at));
      at += length;
      this.sent += length;
    }
  }

  /** The head of a response whose body the test sends. */
  async respond(bodyBytes: number): Promise<void> {
    const fields = `Content-Type: application/octet-stream\r\nContent-Length: ${bodyBytes}\r\n`;
    await this.write(new TextEncoder().encode(`HTTP/1.1 200 OK\r\n${fields}\r\n`));
  }

  /** Ends as a server does that has no more to say. */
  async close(): Promise<void> {
    await this.#connection.closeWrite();
    this.abandon();
  }

  abandon(): void {
    if (!this.#closed) this.#connection.close();
    this.#closed = true;
  }
}
