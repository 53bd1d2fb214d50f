// SPDX-License-Identifier: MIT
/** HTTP/1.1 exchanges out of packets that this program forged: in order and without gaps. @module */
import { formatSocketAddress } from "../net/wire/flow_key.ts";
import { parseSegment } from "../net/wire/segment.ts";

export interface Exchange {
  /** Port of the client, to tell connections apart. */
  readonly client: string;
  readonly method: string;
  readonly target: string;
  readonly status: string;
  readonly requestBytes: number;
  readonly responseBytes: number;
}

interface Message {
  readonly firstLine: string;
  readonly bodyBytes: number;
}

/** Bytes of both directions as Latin-1 text. */
interface Streams {
  readonly clientPort: number;
  toServer: string;
  toClient: string;
}

/** Collects the payloads of every connection. */
export class ExchangeReader {
  /** By the client's address: who sent the SYN. */
  readonly #streams = new Map<string, Streams>();
  readonly #latin1 = new TextDecoder("latin1");

  /** The next packet, borrowed for the call. */
  add(frame: Uint8Array): void {
    const segment = parseSegment(frame);
    if (segment === undefined) return;
    const payload = this.#latin1.decode(segment.payload);
    const source = formatSocketAddress(segment.source);
    const fromClient = this.#streams.get(source);
    const fromServer = this.#streams.get(formatSocketAddress(segment.destination));
    if (fromClient) fromClient.toServer += payload;
    else if (fromServer) fromServer.toClient += payload;
    else this.#streams.set(source, { clientPort: segment.source.port, toServer: payload, toClient: "" });
  }

  /** What was asked and answered, by connection. */
  exchanges(): Exchange[] {
    return [...this.#streams.values()].flatMap(exchangesOf);
  }
}

function exchangesOf({ clientPort, toServer, toClient }: Streams): Exchange[] {
  const responses = messages(toClient);
  return messages(toServer).map((request, index) => {
    const [method, target] = request.firstLine.split(" ");
    return {
      client: `${clientPort}`,
      method,
      target,
      status: responses[index]?.firstLine.split(" ")[1] ?? "none",
      requestBytes: request.bodyBytes,
      responseBytes: responses[index]?.bodyBytes ?? 0,
    };
  });
}

/** Messages with `content-length` or no body; stops at anything else. */
function messages(stream: string): Message[] {
  const found: Message[] = [];
  for (let at = 0; at < stream.length;) {
    const headEnd = stream.indexOf("\r\n\r\n", at);
    if (headEnd < 0) break;
    const head = stream.slice(at, headEnd);
    const length = Number(/^content-length: *(\d+) *$/im.exec(head)?.[1] ?? 0);
    const available = Math.min(length, stream.length - headEnd - 4);
    found.push({ firstLine: head.split("\r\n", 1)[0], bodyBytes: available });
    at = headEnd + 4 + length;
  }
  return found;
}
