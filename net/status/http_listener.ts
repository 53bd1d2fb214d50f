// SPDX-License-Identifier: MIT
/**
 * A server of HTTP for a few who ask: GET and HEAD, one question a connection. Strangers may reach its port, so what they can hold is
 * bounded: connections, the time that a question and a piece of an answer take, and no descriptor that is missing ends it.
 *
 * @module
 */
import { shutDown } from "../ffi/connection_descriptors.ts";
import { readQuestion } from "./http_question.ts";

/** Connections at a time; the one whose other end has been waited for longest gives way to a newcomer. */
const CONNECTIONS_MAX = 64;
/** So long a question may take to come, and each piece of its answer to be taken. */
const PATIENCE_MS = 10_000;
/** Before it is tried again to take a connection. */
const ACCEPT_AGAIN_MS = 100;
/** So long answers that are under way are waited for at the end. */
const GRACE_MS = 500;

/** Answers a question, which has no body. */
export type Answerer = (request: Request) => Response | Promise<Response>;

type Connection = Deno.TcpConn | Deno.UnixConn;
/** What the other end of a connection is waited for: that it asks, or takes what is written. */
type Awaited = "question" | "reading";

interface Wait {
  readonly awaited: Awaited;
  readonly sinceMs: number;
}

type Listener = Deno.TcpListener | Deno.UnixListener;

const encoder = new TextEncoder();
const LAST_CHUNK = encoder.encode("0\r\n\r\n");

/** Listens until closed. */
export class HttpListener {
  readonly #listener: Listener;
  readonly #answer: Answerer;
  readonly #patienceMs: number;
  readonly #connectionsMax: number;
  readonly #connections = new Set<Connection>();
  /** Of these, whose other end is waited for, the longest first. */
  readonly #awaited = new Map<Connection, Wait>();
  /** Looks after them; one for all, since most wait for an instant. */
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #served = new Set<Promise<void>>();
  #isClosed = false;

  /** `listener` is its own from now on. */
  constructor(
    listener: Listener,
    answer: Answerer,
    patienceMs: number = PATIENCE_MS,
    connectionsMax: number = CONNECTIONS_MAX,
  ) {
    this.#listener = listener;
    this.#answer = answer;
    this.#patienceMs = patienceMs;
    this.#connectionsMax = connectionsMax;
    void this.#accept();
  }

  get address(): Deno.Addr {
    return this.#listener.addr;
  }

  /** Takes no more questions. Who does not read what is answered keeps nobody from going on. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#listener.close();
    removeSocket(this.address);
    for (const [connection, { awaited }] of this.#awaited) {
      if (awaited === "question") this.#end(connection);
    }
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, GRACE_MS);
    await Promise.race([late, Promise.all(this.#served)]);
    clearTimeout(timer);
    for (const connection of this.#connections) this.#end(connection);
    clearTimeout(this.#timer);
  }

  async #accept(): Promise<void> {
    while (!this.#isClosed) {
      try {
        this.#welcome(await this.#listener.accept());
      } catch {
        // One that went before, or no descriptor is left.
        if (!this.#isClosed) await new Promise((resolve) => setTimeout(resolve, ACCEPT_AGAIN_MS));
      }
    }
  }

  #welcome(connection: Connection): void {
    if (this.#connections.size >= this.#connectionsMax) {
      const [oldest] = this.#awaited.keys();
      if (oldest === undefined) return connection.close();
      this.#end(oldest);
    }
    this.#connections.add(connection);
    const served = this.#serve(connection).catch(() => {}).finally(() => {
      this.#end(connection);
      this.#served.delete(served);
    });
    this.#served.add(served);
  }

  #end(connection: Connection): void {
    if (!this.#connections.delete(connection)) return;
    const isStuck = this.#awaited.get(connection)?.awaited === "reading";
    this.#awaited.delete(connection);
    if (isStuck) shutDown(connection);
    connection.close();
  }

  /** Rejects when it takes too long, or the other end has gone. */
  async #serve(connection: Connection): Promise<void> {
    const question = await this.#patiently(connection, "question", readQuestion(connection));
    const { request } = question;
    const response = request === undefined
      ? new Response("bad request\n", { status: question.status })
      : await this.#answerTo(request);
    const { body } = response;
    const hasBody = request?.method !== "HEAD" && body !== null;
    try {
      await this.#write(connection, headOf(response, hasBody && !question.isOld));
      if (hasBody) await this.#writeBody(connection, body, !question.isOld);
      await connection.closeWrite();
    } finally {
      if (body !== null && !body.locked) await body.cancel();
    }
  }

  async #answerTo(request: Request): Promise<Response> {
    try {
      return await this.#answer(request);
    } catch {
      return new Response("internal error\n", { status: 500 });
    }
  }

  /** In chunks, unless the other end knows none: then its end is the connection's. */
  async #writeBody(
    connection: Connection,
    body: ReadableStream<Uint8Array>,
    isChunked: boolean,
  ): Promise<void> {
    const reader = body.getReader();
    const departure = new Departure(connection, () => void reader.cancel().catch(() => {}));
    try {
      for (;;) {
        const { value, done } = await reader.read();
        if (departure.hasCome) throw new Error("who asked has left");
        if (done) break;
        for (const piece of piecesOf(value)) {
          await this.#write(connection, isChunked ? chunkOf(piece) : piece);
        }
      }
      if (isChunked) await this.#write(connection, LAST_CHUNK);
    } finally {
      departure.ignore();
      await reader.cancel().catch(() => {});
    }
  }

  async #write(connection: Connection, bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      at += await this.#patiently(connection, "reading", connection.write(bytes.subarray(at)));
    }
  }

  /** What is waited for, unless it takes too long: then the connection ends. */
  async #patiently<T>(connection: Connection, awaited: Awaited, work: Promise<T>): Promise<T> {
    if (this.#connections.has(connection)) {
      this.#awaited.set(connection, { awaited, sinceMs: performance.now() });
      this.#timer ??= setTimeout(this.#lookAfter, this.#patienceMs);
    }
    try {
      return await work;
    } finally {
      this.#awaited.delete(connection);
    }
  }

  readonly #lookAfter = (): void => {
    this.#timer = undefined;
    for (const [connection, { sinceMs }] of this.#awaited) {
      const leftMs = sinceMs + this.#patienceMs - performance.now();
      if (leftMs > 0) {
        this.#timer = setTimeout(this.#lookAfter, leftMs);
        return;
      }
      this.#end(connection);
    }
  };
}

/** The file of a Unix socket stays when nobody listens any more. */
function removeSocket(address: Deno.Addr): void {
  if (address.transport !== "unix") return;
  try {
    Deno.removeSync(address.path);
  } catch {
    // Somebody else removed it.
  }
}

/** Whoever says that he says no more may still read what is there, and has left where an answer goes on. */
const LEAVE_MS = 250;

/** That the other end leaves while it is answered. What it says meanwhile is nobody's business. */
class Departure {
  hasCome = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isIgnored = false;

  constructor(connection: Connection, come: () => void) {
    void this.#watch(connection).then(() => {
      if (this.#isIgnored) return;
      this.#timer = setTimeout(() => {
        this.hasCome = true;
        come();
      }, LEAVE_MS);
    });
  }

  async #watch(connection: Connection): Promise<void> {
    const said = new Uint8Array(256);
    try {
      while (await connection.read(said) !== null);
    } catch {
      // Gone, or closed here.
    }
  }

  ignore(): void {
    this.#isIgnored = true;
    clearTimeout(this.#timer);
  }
}

/** So much is written at a time. */
const PIECE_BYTES = 64 * 1024;

function* piecesOf(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) yield bytes.subarray(at, at + PIECE_BYTES);
}

/** In one piece, since each that is written is a turn of the event loop and a system call. */
function chunkOf(bytes: Uint8Array): Uint8Array {
  const head = encoder.encode(`${bytes.length.toString(16)}\r\n`);
  const chunk = new Uint8Array(head.length + bytes.length + 2);
  chunk.set(head);
  chunk.set(bytes, head.length);
  chunk.set([13, 10], head.length + bytes.length);
  return chunk;
}

function headOf(response: Response, isChunked: boolean): Uint8Array {
  const { status, headers } = response;
  const lines = [`HTTP/1.1 ${status} `, ...[...headers].map(([name, value]) => `${name}: ${value}`)];
  if (isChunked) lines.push("transfer-encoding: chunked");
  return encoder.encode([...lines, "connection: close", "", ""].join("\r\n"));
}
