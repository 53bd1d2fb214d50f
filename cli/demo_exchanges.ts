// SPDX-License-Identifier: MIT
/** HTTP/1.1 exchanges out of a capture that this program forged: in order and without gaps. @module */
import { parseEthernet } from "../net/wire/ethernet.ts";
import { parseIpv4 } from "../net/wire/ipv4.ts";
import { parsePcapngBlock } from "../net/wire/pcapng_reader.ts";
import { parseTcp } from "../net/wire/tcp.ts";

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

/** Exchanges of every IPv4 connection in the bytes of a pcapng file. */
export function httpExchanges(capture: Uint8Array): Exchange[] {
  const exchanges: Exchange[] = [];
  for (const [client, streams] of connections(capture)) {
    const responses = messages(streams.toClient);
    messages(streams.toServer).forEach((request, index) => {
      const [method, target] = request.firstLine.split(" ");
      exchanges.push({
        client,
        method,
        target,
        status: responses[index]?.firstLine.split(" ")[1] ?? "none",
        requestBytes: request.bodyBytes,
        responseBytes: responses[index]?.bodyBytes ?? 0,
      });
    });
  }
  return exchanges;
}

interface Streams {
  toServer: string;
  toClient: string;
}

/** Payloads by client; the client is who sent the SYN. Bytes as Latin-1 text. */
function connections(capture: Uint8Array): Map<string, Streams> {
  const found = new Map<string, Streams>();
  const latin1 = new TextDecoder("latin1");
  for (let at = 0; at < capture.length;) {
    const block = parsePcapngBlock(capture, at, true);
    if (block.state !== "value") break;
    at += block.bytesUsed;
    if (block.value.kind !== "packet") continue;
    const { frame } = block.value;
    const ethernet = parseEthernet(frame, 0);
    const ip = ethernet.state === "value" ? parseIpv4(frame, ethernet.bytesUsed) : ethernet;
    if (ethernet.state !== "value" || ip.state !== "value") continue;
    const tcpAt = ethernet.bytesUsed + ip.bytesUsed;
    const tcp = parseTcp(frame, tcpAt);
    if (tcp.state !== "value") continue;
    const payload = latin1.decode(frame.subarray(tcpAt + tcp.bytesUsed));
    const { sourcePort, destinationPort } = tcp.value;
    const toServer = `${sourcePort}`;
    const toClient = `${destinationPort}`;
    if (found.has(toServer)) found.get(toServer)!.toServer += payload;
    else if (found.has(toClient)) found.get(toClient)!.toClient += payload;
    else found.set(toServer, { toServer: payload, toClient: "" });
  }
  return found;
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
