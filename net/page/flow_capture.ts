// SPDX-License-Identifier: MIT
/**
 * Exchanges of one connection as a capture: that of a connection in which they came one after the other, by HTTP/1.1.
 *
 * It is made of the exchange log, which has no packets: bodies have a declared length instead of their framing, and are as long
 * as they were; what of them was not kept is a gap. Trailers and interim responses are not in it, nor what the connection
 * carried besides.
 *
 * @module
 */
import { TO_CLIENT, TO_SERVER } from "../../codecs/direction.ts";
import { Connection } from "../forge/connection.ts";
import { InitialSequenceNumbers } from "../forge/isn.ts";
import { PacketBuffer } from "../forge/packet_batch.ts";
import type { Exchange, HeadText, KeptBody } from "../view/exchange.ts";
import { shownField, withoutSecrets } from "../view/secrets.ts";
import { pcapngHead } from "../wire/pcapng.ts";
import { socketAddress } from "./detail.ts";
import type { PageLog } from "./rows.ts";

const MTU = 1500;
const encoder = new TextEncoder();

/** A pcapng file of these, at least one, all of one flow. */
export function captureOf(exchanges: readonly Exchange[], log: PageLog, version: string): Blob {
  const { flow } = exchanges[0];
  const application = `sslcollector ${version}`;
  const parts = [pcapngHead({ application, interfaceName: "log", comment: "made of the exchange log" })];
  const { timeBaseNs, portMap } = log;
  const buffer = new PacketBuffer({ timeBaseNs, onFull: ({ blocks }) => parts.push(blocks.slice()) });
  const key = { client: socketAddress(flow.client), server: socketAddress(flow.server) };
  const [seed] = crypto.getRandomValues(new Uint32Array(1));
  const initialSequenceNumbers = new InitialSequenceNumbers(seed, 1);
  const connection = new Connection(key, buffer, { mtu: MTU, initialSequenceNumbers, portMap });
  connection.comment(`program=${flow.program} pid=${flow.pid} made of the exchange log`);
  const inOrder = exchanges.toSorted((one, other) => one.startNs - other.startNs);
  for (const exchange of inOrder) write(connection, exchange, log.showsSecrets);
  connection.close("fin", inOrder[inOrder.length - 1].endNs);
  buffer.flush();
  return new Blob(parts, { type: "application/x-pcapng" });
}

function write(connection: Connection, exchange: Exchange, showsSecrets: boolean): void {
  const { startNs, responseNs, requestHead, responseHead, requestBody, responseBody, cut } = exchange;
  if (cut !== "") connection.comment(`cut: ${cut}`);
  if (requestHead.firstLine !== "") {
    const head = headOf(requestHead, requestLine(exchange, showsSecrets), requestBody, showsSecrets);
    connection.write(TO_SERVER, head, startNs);
    writeBody(connection, TO_SERVER, requestBody, startNs);
  }
  if (exchange.status === 0) return;
  const body = isBodyless(exchange) ? undefined : responseBody;
  const head = headOf(
    responseHead,
    responseHead.firstLine.replace(/^HTTP\/2 (\d+)$/, "HTTP/1.1 $1 "),
    body,
    showsSecrets,
  );
  connection.write(TO_CLIENT, head, responseNs);
  if (body !== undefined) writeBody(connection, TO_CLIENT, body, exchange.endNs);
}

/** In HTTP/1.1, where every request names its host. */
function requestLine({ requestHead, host }: Exchange, showsSecrets: boolean): string {
  const line = requestHead.firstLine.replace(/ HTTP\/2$/, " HTTP/1.1");
  const shown = showsSecrets ? line : withoutSecrets(line);
  return requestHead.get("host") === "" ? `${shown}\r\nHost: ${host}` : shown;
}

/** RFC 9112, 6.3: what the head says of a body is not of one that comes. */
const isBodyless = ({ method, status }: Exchange): boolean =>
  method === "HEAD" || status < 200 || status === 204 || status === 304 ||
  method === "CONNECT" && status < 300;

const FRAMING = /^(content-length|transfer-encoding|trailer)$/i;

/** `firstLines`, the fields, and how long the body is; undefined: what they say of it stays. */
function headOf(
  head: HeadText,
  firstLines: string,
  body: KeptBody | undefined,
  showsSecrets: boolean,
): Uint8Array {
  const fields = head.fields.filter(([name]) =>
    !name.startsWith(":") && (body === undefined || !FRAMING.test(name))
  )
    .map((field) => shownField(field, showsSecrets));
  const lengthBytes = body === undefined ? 0 : body.bytes.length + body.missingBytes;
  const isFramed = lengthBytes > 0 || body !== undefined && head.fields.some(([name]) => FRAMING.test(name));
  if (isFramed) fields.push(["Content-Length", String(lengthBytes)]);
  return encoder.encode(
    `${firstLines}\r\n${fields.map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n`,
  );
}

function writeBody(connection: Connection, direction: 0 | 1, body: KeptBody, timeNs: number): void {
  connection.write(direction, body.bytes, timeNs);
  if (body.missingBytes > 0) connection.gap(direction, body.missingBytes, timeNs);
}
