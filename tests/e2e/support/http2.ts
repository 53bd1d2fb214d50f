// SPDX-License-Identifier: MIT
/** Does a capture made with `--codec http2to1` show the exchanges that took place over HTTP/2? @module */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";
import { type ForgedConnection, forgedConnections } from "../../support/forged.ts";
import { fieldOf, type Http1Exchange, readHttp1 } from "../../support/http1_reader.ts";
import { type Exchange, judgeStrict, type Verdict } from "../../ids/judge.ts";
import { Child } from "./child.ts";
import type { Summary } from "./sslcollector.ts";
import type { Fixture } from "./fixture.ts";

/** An exchange as one of its peers tells of it; bodies as {@linkcode hash}. */
export interface Served {
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly requestBody: string;
  readonly responseBody: string;
  readonly requestBytes: number;
  readonly responseBytes: number;
  /** What its fields must be, besides others. */
  readonly requestFields?: readonly (readonly [name: string, value: string])[];
  readonly responseFields?: readonly (readonly [name: string, value: string])[];
}

export const hash = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex").slice(0, 16);

/** A GET as a client tells of it. */
export function got(path: string, status: number, body: Uint8Array): Served {
  return {
    method: "GET",
    path,
    status,
    requestBody: hash(new Uint8Array()),
    responseBody: hash(body),
    requestBytes: 0,
    responseBytes: body.length,
  };
}

/** The same of each but the fields, of which the peers tell different ones; a line an exchange, sorted. */
export const factsOf = (list: readonly Served[]): string[] =>
  list.map(({ method, path, status, requestBody, responseBody, requestBytes, responseBytes }) =>
    `${method} ${path} ${requestBytes} ${requestBody} ${status} ${responseBytes} ${responseBody}`
  ).sort();

/** Fields that the framing of HTTP/1.1 replaces. */
const FRAMING = ["content-length", "host", "transfer-encoding", "connection"];

export interface Captured {
  readonly connections: ForgedConnection[];
  /** The n-th of `connections` carried these. */
  readonly exchanges: (Http1Exchange & { readonly connection: number })[];
  /** Suricata's. */
  readonly verdict: Verdict;
}

export interface Http2Expectation {
  /** Flows mirrored. */
  readonly flows?: number;
  /** Names of events that the real peer caused. */
  readonly allow?: readonly string[];
  /** Exchanges inside tunnels, which Suricata sees too. */
  readonly inside?: readonly Exchange[];
}

/** `stream.reassembly.depth` of stock Suricata. */
const DEPTH = 1 << 20;

/** Fails unless capture, books and Suricata agree with the peer: no exchange lost, changed or invented. */
export async function checkHttp2(
  capture: string,
  summary: Summary,
  served: readonly Served[],
  expectation: Http2Expectation = {},
): Promise<Captured> {
  const { total } = summary;
  assert.deepEqual(
    { flows: total.flows, lost: total.lost, unforged: total.unforged, imbalance: total.imbalance },
    { flows: expectation.flows ?? 1, lost: {}, unforged: {}, imbalance: 0 },
  );
  const connections = forgedConnections(await Deno.readFile(capture));
  const exchanges = connections.flatMap(({ streams, gaps }, connection) => {
    assert.deepEqual(gaps, [[], []]);
    const { exchanges, orphans } = readHttp1(...streams);
    assert.deepEqual(orphans, [], "responses without a request");
    return exchanges.map((exchange) => ({ ...exchange, connection }));
  });
  const seen = exchanges.map(({ method, target, status, request, response }): Served => ({
    method,
    path: target,
    status,
    requestBody: hash(request.body),
    responseBody: hash(response!.body),
    requestBytes: request.body.length,
    responseBytes: response!.body.length,
  }));
  assert.deepEqual(factsOf(seen), factsOf(served), "exchanges");
  checkFields(exchanges, served);
  checkComments(connections);

  const { inside = [] } = expectation;
  const expect = [
    ...served.map(({ method, path, status, requestBytes, responseBytes }): Exchange => [
      method,
      path,
      status,
      responseBytes || requestBytes || null,
    ]),
    ...inside,
  ];
  const verdict = await judgeStrict(capture, { expect, allow: expectation.allow });
  assert.equal(verdict.http.length, expect.length, "requests that Suricata counts");
  assert.equal(verdict.packets, total.packets, "packets that Suricata counts");
  // One message that is longer than Suricata inspects of a connection cannot be helped.
  const long = served.filter(({ requestBytes, responseBytes }) =>
    Math.max(requestBytes, responseBytes) > DEPTH
  );
  assert.equal(verdict.depth_reached, long.length, "connections longer than Suricata inspects");
  return { connections, exchanges, verdict };
}

/** Every field that a peer tells of is there with its value, in an exchange of that method and path. */
function checkFields(exchanges: readonly Http1Exchange[], served: readonly Served[]): void {
  const left = [...exchanges];
  for (const one of served) {
    const at = left.findIndex(({ method, target, request, response }) =>
      method === one.method && target === one.path &&
      (one.requestFields ?? []).every(([name, value]) =>
        FRAMING.includes(name) || fieldOf(request, name) === value
      ) &&
      (one.responseFields ?? []).every(([name, value]) => fieldOf(response!, name) === value)
    );
    assert(at >= 0, `no exchange has the fields of ${JSON.stringify(one)}`);
    left.splice(at, 1);
  }
}

/** Each 5-tuple's first packet names program and codec, or the lane and the flow that it belongs to. */
function checkComments(connections: readonly ForgedConnection[]): void {
  const flows = new Map<string, string>();
  for (const { name, comments } of connections) {
    const [, id] = /^program=.* codec=http2to1 .* community-id=(\S+)/.exec(comments[0] ?? "") ?? [];
    if (id) flows.set(name, id);
  }
  for (const { name, comments } of connections) {
    if (flows.has(name)) continue;
    assert.match(name, /:(30[2-9]|3[12])\d+>/, "a lane's port");
    const [, lane, flow, id] =
      /^http2to1: .* lane=(\S+) lane-community-id=\S+ program=.* flow=(\S+) community-id=(\S+)(?: address=claimed)?$/
        .exec(
          comments[0],
        ) ?? [];
    assert.equal(lane, name);
    if (flows.has(flow)) assert.equal(id, flows.get(flow));
  }
}

const SERVER = fileURLToPath(new URL("../../support/http2_server.mjs", import.meta.url));

/** Node's HTTP/2 server over TLS. Node has its own OpenSSL inside, where no hook sees it: it can only be the peer. */
export class NodeServer implements AsyncDisposable {
  private constructor(readonly port: number, readonly child: Child) {}

  static async start(fixture: Fixture): Promise<NodeServer> {
    const child = new Child("node", { args: [SERVER, fixture.certificate, fixture.key] });
    const [, port] = await child.found("stdout", /"port":(\d+)/);
    return new NodeServer(Number(port), child);
  }

  /** Ends it; answers what it served. */
  async served(): Promise<Served[]> {
    this.child.kill("SIGTERM");
    const { stdout } = await this.child.ended;
    const lines = new TextDecoder().decode(stdout).trimEnd().split("\n");
    return lines.slice(1).map((line) => JSON.parse(line) as Served);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.child[Symbol.asyncDispose]();
  }
}
