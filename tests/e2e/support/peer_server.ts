/** An HTTPS server in the test's own process, which no hook sees: it counts and logs what really passed. @module */
import { createHash } from "node:crypto";
import { endpoint, type Seen } from "./exchange.ts";
import type { Fixture } from "./fixture.ts";
import { Link } from "./link.ts";

export class PeerServer implements AsyncDisposable {
  readonly #fixture: Fixture;
  readonly #listener: Deno.TlsListener;
  readonly #seen: Seen = { connections: [], exchanges: [], bytes: [0, 0] };
  readonly #serving: Promise<void>[] = [];
  readonly #accepting: Promise<void>;
  #closed = false;

  constructor(fixture: Fixture, readonly hostname: "127.0.0.1" | "::1" = "127.0.0.1") {
    this.#fixture = fixture;
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
    const link = new Link();
    const reader = new MessageReader(connection, async (count) => {
      bytes[0] += count;
      await link.carry(count);
    });
    const send = async (part: Uint8Array) => {
      for (let at = 0; at < part.length;) {
        const count = await connection.write(part.subarray(at, at + CHUNK_BYTES));
        at += count;
        bytes[1] += count;
        await link.carry(count);
      }
    };
    for (let head = await reader.head(); head !== undefined; head = await reader.head()) {
      const [method, path] = head.split(" ");
      const field = (name: string) => new RegExp(`^${name}: *(.*)$`, "im").exec(head!)?.[1];
      if (field("expect")) await send(encode("HTTP/1.1 100 Continue\r\n\r\n"));
      const requestBytes = Number(field("content-length") ?? 0);
      const received = await reader.body(requestBytes);
      const isLast = field("connection")?.toLowerCase() === "close";
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

const CHUNK_BYTES = 1 << 16;
const encode = (text: string) => new TextEncoder().encode(text);

/** Reads heads and bodies of one connection. */
class MessageReader {
  readonly #connection: Deno.TlsConn;
  readonly #count: (bytes: number) => Promise<void>;
  readonly #chunk = new Uint8Array(CHUNK_BYTES);
  #rest: Uint8Array = new Uint8Array();

  constructor(connection: Deno.TlsConn, count: (bytes: number) => Promise<void>) {
    this.#connection = connection;
    this.#count = count;
  }

  /** At least one byte, or `undefined` at the end; borrowed until the next call. */
  async #more(): Promise<Uint8Array | undefined> {
    let length: number | null;
    try {
      length = await this.#connection.read(this.#chunk);
    } catch (error) {
      // Many clients close without saying so in TLS.
      if (!(error instanceof Deno.errors.UnexpectedEof)) throw error;
      return undefined;
    }
    if (length === null) return undefined;
    await this.#count(length);
    return this.#chunk.subarray(0, length);
  }

  async head(): Promise<string | undefined> {
    const decoder = new TextDecoder("latin1");
    for (;;) {
      const text = decoder.decode(this.#rest);
      const end = text.indexOf("\r\n\r\n");
      if (end >= 0) {
        this.#rest = this.#rest.slice(end + 4);
        return text.slice(0, end);
      }
      const more = await this.#more();
      if (!more) return undefined;
      const joined = new Uint8Array(this.#rest.length + more.length);
      joined.set(this.#rest);
      joined.set(more, this.#rest.length);
      this.#rest = joined;
    }
  }

  /** SHA-256 of the next `length` bytes. */
  async body(length: number): Promise<string> {
    const hash = createHash("sha256");
    let left = length;
    while (left > 0) {
      const part = this.#rest.length > 0 ? this.#rest : await this.#more();
      if (!part) throw new Error(`a body ended ${left} bytes too early`);
      const used = Math.min(left, part.length);
      hash.update(part.subarray(0, used));
      left -= used;
      this.#rest = part.slice(used);
    }
    return hash.digest("hex");
  }
}
