// SPDX-License-Identifier: MIT
/** What the scripts of programs connect to. @module */

const encode = (text: string) => new TextEncoder().encode(text);
const BODY = "a body\n".repeat(100);

/** The one page of an HTTP server, which closes every connection after its answer. */
export function answerHttp(request: string): Uint8Array<ArrayBuffer> {
  const isThere = /^(GET|HEAD) \/page /.test(request);
  const [status, body] = isThere ? ["200 OK", BODY] : ["404 Not Found", ""];
  const head = `HTTP/1.1 ${status}\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n`;
  return encode(request.startsWith("HEAD") ? head : head + body);
}

/** Clients of TLS take it for another kind of server. */
export const answerPlainly = () => encode("no TLS is spoken here\r\n");

/** Answers whatever comes first on a connection, and then waits until the client has gone. */
export class Server implements AsyncDisposable {
  readonly #serving = new Set<Promise<void>>();
  readonly #accepting: Promise<void>;
  #isClosed = false;

  constructor(
    readonly listener: Deno.TcpListener | Deno.TlsListener,
    readonly answer: (request: string) => Uint8Array<ArrayBuffer>,
  ) {
    this.#accepting = this.#accept();
  }

  get port(): number {
    return this.listener.addr.port;
  }

  async #accept(): Promise<void> {
    while (!this.#isClosed) {
      const connection = await this.listener.accept().catch(() => undefined);
      if (!connection) continue;
      const serving = this.#serve(connection).catch(() => {}); // The client may go at any time.
      this.#serving.add(serving);
      serving.finally(() => this.#serving.delete(serving));
    }
  }

  async #serve(connection: Deno.TcpConn | Deno.TlsConn): Promise<void> {
    using _ = connection;
    const buffer = new Uint8Array(4096);
    const length = await connection.read(buffer) ?? 0;
    await connection.write(this.answer(new TextDecoder().decode(buffer.subarray(0, length))));
    await connection.closeWrite();
    while (await connection.read(buffer) !== null);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    this.listener.close();
    await this.#accepting;
    await Promise.all(this.#serving);
  }
}
