// SPDX-License-Identifier: MIT
/** The other end of a program's connections, in a process that no hook sees: it logs addresses and hashes of what really passed. @module */
import { createHash } from "node:crypto";
import { endpoint } from "../e2e/support/exchange.ts";

/** A connection as it was: addresses as `client>server`, hashes of what went to the server and to the client. */
export interface Witnessed {
  readonly name: string;
  readonly hashes: readonly [string, string];
}

const PAGE = new TextEncoder().encode("<p>clear text, told of line by line</p>\n".repeat(5000));
const HEAD =
  `HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: ${PAGE.length}\r\nConnection: close\r\n\r\n`;
const ANSWER = new Uint8Array([...new TextEncoder().encode(HEAD), ...PAGE]);

/** Both directions of a connection, hashed as they pass. */
class Streams {
  readonly #hashes = [createHash("sha256"), createHash("sha256")] as const;
  readonly #lengths: [number, number] = [0, 0];

  constructor(readonly name: string) {}

  pass(direction: 0 | 1, bytes: Uint8Array): void {
    this.#hashes[direction].update(bytes);
    this.#lengths[direction] += bytes.length;
  }

  /** Undefined: no clear text passed, as of a client that did not trust the certificate. */
  witnessed(): Witnessed | undefined {
    if (this.#lengths[0] + this.#lengths[1] === 0) return undefined;
    return { name: this.name, hashes: [this.#hashes[0].digest("hex"), this.#hashes[1].digest("hex")] };
  }
}

async function sendAll(connection: Deno.TlsConn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
}

/** An HTTPS server that answers every request with one page, and closes; or one that greets, and closes once it is spoken to. */
export class WitnessServer implements AsyncDisposable {
  readonly #listener: Deno.TlsListener;
  readonly #streams: Streams[] = [];
  readonly #serving: Promise<void>[] = [];
  readonly #accepting: Promise<void>;
  #isClosed = false;

  constructor(certificate: string, key: string, readonly greeting?: string) {
    const [cert, secret] = [certificate, key].map((path) => Deno.readTextFileSync(path));
    this.#listener = Deno.listenTls({ hostname: "127.0.0.1", port: 0, cert, key: secret });
    this.#accepting = this.#accept();
  }

  get port(): number {
    return this.#listener.addr.port;
  }

  async #accept(): Promise<void> {
    while (!this.#isClosed) {
      const connection = await this.#listener.accept().catch(() => undefined);
      if (connection === undefined) continue;
      const { hostname, port } = connection.remoteAddr;
      const streams = new Streams(`${endpoint(hostname, port)}>${endpoint("127.0.0.1", this.port)}`);
      this.#streams.push(streams);
      // The client may go at any time.
      const serving = this.greeting === undefined
        ? serve(connection, streams)
        : greet(connection, streams, this.greeting);
      this.#serving.push(serving.catch(() => {}).finally(() => connection.close()));
    }
  }

  /** What was seen, once every client has gone. */
  async witnessed(): Promise<Witnessed[]> {
    await this[Symbol.asyncDispose]();
    return this.#streams.map((streams) => streams.witnessed()).filter((seen) => seen !== undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#isClosed) this.#listener.close();
    this.#isClosed = true;
    await this.#accepting;
    await Promise.all(this.#serving);
  }
}

async function serve(connection: Deno.TlsConn, streams: Streams): Promise<void> {
  const buffer = new Uint8Array(1 << 16);
  let request = "";
  for (;;) {
    const length = await connection.read(buffer);
    if (length === null) return;
    streams.pass(0, buffer.subarray(0, length));
    request += new TextDecoder("latin1").decode(buffer.subarray(0, length));
    if (!request.includes("\r\n\r\n")) continue;
    const answer = request.startsWith("HEAD ") ? ANSWER.subarray(0, HEAD.length) : ANSWER;
    await sendAll(connection, answer);
    streams.pass(1, answer);
    request = "";
    await connection.closeWrite();
  }
}

/** Greets, hears one line, and takes its leave by the same. */
async function greet(connection: Deno.TlsConn, streams: Streams, greeting: string): Promise<void> {
  const line = new TextEncoder().encode(`${greeting}\r\n`);
  const buffer = new Uint8Array(1 << 16);
  await sendAll(connection, line);
  streams.pass(1, line);
  const length = await connection.read(buffer);
  if (length === null) return;
  streams.pass(0, buffer.subarray(0, length));
  await sendAll(connection, line);
  streams.pass(1, line);
  await connection.closeWrite();
}

/** A client: says `request`, and takes what comes until the server closes or `most` bytes have come. */
export async function witnessClient(
  port: number,
  certificate: string,
  request: string,
  most = Infinity,
): Promise<Witnessed> {
  const caCerts = [Deno.readTextFileSync(certificate)];
  return await witness(await Deno.connectTls({ hostname: "127.0.0.1", port, caCerts }), request, most);
}

/** The same on a connection, which is closed. */
export async function witness(
  connection: Deno.TlsConn,
  request: string,
  most = Infinity,
): Promise<Witnessed> {
  const { localAddr, remoteAddr } = connection;
  const [client, server] = [localAddr, remoteAddr].map(({ hostname, port }) => endpoint(hostname, port));
  const streams = new Streams(`${client}>${server}`);
  const bytes = bytesOf(request);
  const buffer = new Uint8Array(1 << 16);
  await sendAll(connection, bytes);
  streams.pass(0, bytes);
  for (let have = 0; have < most;) {
    const length = await connection.read(buffer).catch(() => null);
    if (length === null) break;
    streams.pass(1, buffer.subarray(0, length));
    have += length;
  }
  connection.close();
  return streams.witnessed()!;
}

/** A character is a byte. */
export function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}
