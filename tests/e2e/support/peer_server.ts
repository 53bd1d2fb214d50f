// SPDX-License-Identifier: MIT
/** An HTTPS server in the test's own process, which no hook sees: it counts and logs what really passed. @module */
import { createHash } from "node:crypto";
import { endpoint, type Seen } from "./exchange.ts";
import type { Fixture } from "./fixture.ts";
import { Link } from "./link.ts";
import { headField, MessageReader, writeAll } from "./message_reader.ts";

export class PeerServer implements AsyncDisposable {
  readonly #fixture: Fixture;
  readonly #link: Link;
  readonly #listener: Deno.TlsListener;
  readonly #seen: Seen = { connections: [], exchanges: [], bytes: [0, 0] };
  readonly #serving: Promise<void>[] = [];
  readonly #accepting: Promise<void>;
  #closed = false;

  /** With `capture` it goes no faster than the agent that writes that file. */
  constructor(
    fixture: Fixture,
    readonly hostname: "127.0.0.1" | "::1" = "127.0.0.1",
    capture?: string,
  ) {
    this.#fixture = fixture;
    this.#link = new Link(capture);
    this.#listener = Deno.listenTls({
      hostname,
      port: 0,
      cert: Deno.readTextFileSync(fixture.certificate),
      key: Deno.readTextFileSync(fixture.key),
    });
    this.#accepting = this.#accept();
  }

  get port(): number {
    return this.#listener.addr.port;
  }

  /** What was seen, once every client has gone. */
  async seen(): Promise<Seen> {
    await this[Symbol.asyncDispose]();
    return this.#seen;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#closed) this.#listener.close();
    this.#closed = true;
    await this.#accepting;
    await Promise.all(this.#serving);
  }

  async #accept(): Promise<void> {
    while (!this.#closed) {
      let connection: Deno.TlsConn;
      try {
        connection = await this.#listener.accept();
      } catch (error) {
        if (this.#closed) return;
        throw error;
      }
      this.#link.open(connection);
      const { hostname, port } = connection.remoteAddr;
      this.#seen.connections.push({
        client: endpoint(hostname, port),
        server: endpoint(this.hostname, this.port),
      });
      const serving = this.#serve(connection).finally(() => connection.close());
      // Whoever asks what was seen is told.
      serving.catch(() => {});
      this.#serving.push(serving);
    }
  }

  async #serve(connection: Deno.TlsConn): Promise<void> {
    const { bytes, exchanges } = this.#seen;
    const counted = (direction: 0 | 1) => async (count: number) => {
      bytes[direction] += count;
      await this.#link.carry(count);
    };
    const reader = new MessageReader(connection, counted(0));
    const send = (part: Uint8Array) => writeAll(connection, part, counted(1));
    for (let head = await reader.head(); head !== undefined; head = await reader.head()) {
      const [method, path] = head.split(" ");
      if (headField(head, "expect")) await send(encode("HTTP/1.1 100 Continue\r\n\r\n"));
      const requestBytes = Number(headField(head, "content-length") ?? 0);
      const received = await reader.body(requestBytes);
      const isLast = headField(head, "connection")?.toLowerCase() === "close";
      const connectionField = isLast ? "Connection: close\r\n" : "";
      const body = method === "GET" ? await Deno.readFile(this.#fixture.bodies + path) : new Uint8Array();
      const status = method === "GET" ? 200 : 204;
      const line = status === 200 ? `200 OK\r\nContent-Length: ${body.length}` : "204 No Content";
      await send(encode(`HTTP/1.1 ${line}\r\n${connectionField}\r\n`));
      await send(body);
      const sha256 = body.length > 0 ? createHash("sha256").update(body).digest("hex") : received;
      exchanges.push({ method, path, status, requestBytes, responseBytes: body.length, sha256 });
      if (isLast) await connection.closeWrite();
    }
  }
}

const encode = (text: string) => new TextEncoder().encode(text);
