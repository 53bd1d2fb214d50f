// SPDX-License-Identifier: MIT
/** The other end of a program's connections, in a process that no hook sees: it logs addresses and hashes of what really passed. @module */
import { createHash } from "node:crypto";
import { endpoint } from "../e2e/support/exchange.ts";
import { ClearFront } from "./clear_front.ts";
import { bytesOf } from "./conversations.ts";
import { type ClientRow, type Peer, REQUEST, type ServerRow } from "./rows.ts";

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

/** What a client's peer is, and the protocol that is agreed on. */
type Served = Pick<ClientRow, "peer" | "protocol">;

/** An HTTPS server that answers every request with one page, and closes; or what else a row has for a peer. */
export class WitnessServer implements AsyncDisposable {
  readonly #listener: Deno.TlsListener;
  readonly #streams: Streams[] = [];
  readonly #serving: Promise<void>[] = [];
  readonly #accepting: Promise<void>;
  readonly #front: ClearFront | undefined;
  readonly #peer: Peer | undefined;
  #isClosed = false;

  constructor(certificate: string, key: string, { peer, protocol }: Served = {}) {
    const [cert, secret] = [certificate, key].map((path) => Deno.readTextFileSync(path));
    const alpnProtocols = protocol === undefined ? undefined : [protocol];
    this.#listener = Deno.listenTls({ hostname: "127.0.0.1", port: 0, cert, key: secret, alpnProtocols });
    this.#peer = peer;
    if (peer?.clear !== undefined) this.#front = new ClearFront(this.#listener.addr.port, peer.clear);
    this.#accepting = this.#accept();
  }

  get port(): number {
    return (this.#front ?? this.#listener.addr).port;
  }

  async #accept(): Promise<void> {
    while (!this.#isClosed) {
      const connection = await this.#listener.accept().catch(() => undefined);
      if (connection === undefined) continue;
      const { remoteAddr } = connection;
      const { hostname, port } = this.#front?.clientAt(remoteAddr.port) ?? remoteAddr;
      const streams = new Streams(`${endpoint(hostname, port)}>${endpoint("127.0.0.1", this.port)}`);
      this.#streams.push(streams);
      // The client may go at any time.
      const serving = this.#peer === undefined
        ? serve(connection, streams)
        : converse(connection, streams, this.#peer);
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
    await this.#front?.[Symbol.asyncDispose]();
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

async function converse(
  connection: Deno.TlsConn,
  streams: Streams,
  { greeting = "", answers }: Peer,
): Promise<void> {
  const buffer = new Uint8Array(1 << 16);
  const say = async (text: string) => {
    const bytes = bytesOf(text);
    await sendAll(connection, bytes);
    streams.pass(1, bytes);
  };
  const hear = async () => {
    const length = await connection.read(buffer);
    if (length !== null) streams.pass(0, buffer.subarray(0, length));
    return length !== null;
  };
  await say(greeting);
  for (const answer of answers) {
    if (!await hear()) return;
    await say(answer);
  }
  await connection.closeWrite();
  while (await hear());
}

/** A client of a row's server. */
export async function witnessClient(
  port: number,
  certificate: string,
  { request = REQUEST, answerBytes, protocol }: Pick<ServerRow, "request" | "answerBytes" | "protocol">,
): Promise<Witnessed> {
  const caCerts = [Deno.readTextFileSync(certificate)];
  const alpnProtocols = protocol === undefined ? undefined : [protocol];
  const connection = await Deno.connectTls({ hostname: "127.0.0.1", port, caCerts, alpnProtocols });
  return await witness(connection, request, answerBytes);
}

/** Says `request`, takes what comes until the server closes or `most` bytes have come, and closes. */
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
