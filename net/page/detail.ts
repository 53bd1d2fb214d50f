// SPDX-License-Identifier: MIT
/** All that the log has of a row, and its bodies. @module */
import { type PlainBody, plainBody } from "../view/body.ts";
import {
  type Exchange,
  HeadText,
  type KeptBody,
  REMARK_TEXTS,
  type SocketMessage,
} from "../view/exchange.ts";
import type { FlowFacts, FlowPeer } from "../view/flow_facts.ts";
import { communityId } from "../mirror/community_id.ts";
import type { SocketAddress } from "../wire/flow_key.ts";
import { ipBytes } from "../wire/network.ts";
import { LogReader } from "../view/log_reader.ts";
import { shownField, withoutSecrets } from "../view/secrets.ts";
import { visible } from "../wire/printable.ts";
import type { BodyFacts, Detail, MessageDetail, ShownField } from "./messages.ts";
import { type PageLog, rowOf } from "./rows.ts";
import { formOf } from "./sniff.ts";

/** Which message of an exchange. */
export type Side = "request" | "response";

const NO_HEAD = new HeadText("");

/** The row of this number with everything; undefined when it is not there any more. */
export function detailOf(log: PageLog, number: number): Detail | undefined {
  const entry = new LogReader(log).entry(number);
  const row = entry && rowOf(entry, log);
  if (entry === undefined || row === undefined) return undefined;
  const common = { row, flow: shownFlow(entry.flow), ...forgedOf(entry.flow, log) };
  if (entry.kind === "exchange") {
    const { startNs, responseNs, endNs, status } = entry;
    return {
      ...common,
      request: messageDetail(entry, "request", log),
      ...status === 0 ? {} : { response: messageDetail(entry, "response", log) },
      waitMs: ((status === 0 ? endNs : responseNs) - startNs) / 1e6,
      receiveMs: (status === 0 ? 0 : endNs - responseNs) / 1e6,
      remarks: entry.remarks.map((remark) => REMARK_TEXTS[remark]),
    };
  }
  const sides = entry.kind === "message" ? { [sideOf(entry)]: socketDetail(entry) } : {};
  return { ...common, ...sides, waitMs: row.ms, receiveMs: 0, remarks: [] };
}

/** A body without its codings; undefined when it is not there any more. */
export function bodyOf(log: PageLog, number: number, side: Side): PlainBody | undefined {
  const entry = new LogReader(log).entry(number);
  if (entry?.kind === "message") return plainBody(NO_HEAD, entry.body);
  if (entry?.kind !== "exchange") return undefined;
  return side === "request"
    ? plainBody(entry.requestHead, entry.requestBody)
    : plainBody(entry.responseHead, entry.responseBody);
}

const sideOf = ({ isToServer }: SocketMessage): Side => isToServer ? "request" : "response";

function shownFlow(flow: FlowFacts): FlowFacts {
  const { program, sni, alpn, tls } = flow;
  return { ...flow, program: visible(program), sni: visible(sni), alpn: visible(alpn), tls: visible(tls) };
}

/** What `--port-map` makes of a flow; nothing where that is itself. */
function forgedOf(
  { client, server, communityId: own }: FlowFacts,
  { portMap }: PageLog,
): Pick<Detail, "forged"> {
  const port = portMap.get(server.port);
  if (port === undefined || port === server.port || own === "") return {};
  const key = { client: socketAddress(client), server: socketAddress({ ...server, port }) };
  return { forged: { port, communityId: communityId(key) } };
}

/** An end of a flow as what forges takes it. */
export const socketAddress = ({ ip, port }: FlowPeer): SocketAddress => ({ ip: ipBytes(ip), port });

function messageDetail(exchange: Exchange, side: Side, { showsSecrets }: PageLog): MessageDetail {
  const [head, trailers, kept, lengthBytes] = side === "request"
    ? [exchange.requestHead, exchange.requestTrailers, exchange.requestBody, exchange.requestBytes]
    : [exchange.responseHead, exchange.responseTrailers, exchange.responseBody, exchange.responseBytes];
  const fields = ({ fields }: HeadText) =>
    fields.map((field): ShownField => {
      const [name, value] = shownField(field, showsSecrets);
      return [visible(name), visible(value)];
    });
  return {
    firstLine: visible(showsSecrets ? head.firstLine : withoutSecrets(head.firstLine)),
    fields: fields(head),
    trailers: fields(trailers),
    body: bodyFacts(head, kept, lengthBytes),
  };
}

function socketDetail({ body, lengthBytes }: SocketMessage): MessageDetail {
  return { firstLine: "", fields: [], trailers: [], body: bodyFacts(NO_HEAD, body, lengthBytes) };
}

function bodyFacts(head: HeadText, kept: KeptBody, lengthBytes: number): BodyFacts {
  const { bytes, codings, trouble } = plainBody(head, kept);
  return {
    lengthBytes,
    keptBytes: kept.bytes.length,
    codings,
    trouble: visible(trouble),
    ...formOf(bytes),
  };
}
