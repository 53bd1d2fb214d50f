// SPDX-License-Identifier: MIT
/** An HTTPS client in the test's own process, which no hook sees: for bodies that curl would ask for too fast. @module */
import assert from "node:assert/strict";
import { type Connection, endpoint, type Seen } from "./exchange.ts";
import type { Fixture } from "./fixture.ts";
import { Link } from "./link.ts";
import { headField, MessageReader, writeAll } from "./message_reader.ts";

/** Makes the requests, no faster than the agent that writes `capture`; answers what was seen. */
export async function peerClient(
  connections: readonly Connection[],
  target: { readonly hostname: string; readonly port: number },
  fixture: Fixture,
  capture: string,
): Promise<Seen> {
  const link = new Link(capture);
  const seen: Seen = { connections: [], exchanges: [], bytes: [0, 0] };
  for (const requests of connections) {
    using connection = await Deno.connectTls({
      ...target,
      caCerts: [Deno.readTextFileSync(fixture.certificate)],
    });
    link.open(connection);
    const { hostname, port } = connection.localAddr;
    seen.connections.push({
      client: endpoint(hostname, port),
      server: endpoint(target.hostname, target.port),
    });
    await makeRequests(connection, requests, fixture, link, seen);
  }
  return seen;
}

async function makeRequests(
  connection: Deno.TlsConn,
  requests: Connection,
  fixture: Fixture,
  link: Link,
  { exchanges, bytes }: Seen,
): Promise<void> {
  const counted = (direction: 0 | 1) => async (count: number) => {
    bytes[direction] += count;
    await link.carry(count);
  };
  const reader = new MessageReader(connection, counted(1));
  for (const [index, { method, path, body }] of requests.entries()) {
    const upload = method === "PUT" ? Deno.readFileSync(`${fixture.bodies}/${body.name}`) : new Uint8Array();
    const fields = [
      "Host: localhost",
      ...method === "PUT" ? [`Content-Length: ${upload.length}`] : [],
      ...index === requests.length - 1 ? ["Connection: close"] : [],
    ];
    const head = `${method} ${path} HTTP/1.1\r\n${fields.join("\r\n")}\r\n\r\n`;
    await writeAll(connection, new TextEncoder().encode(head), counted(0));
    await writeAll(connection, upload, counted(0));
    const answer = await reader.head();
    assert.ok(answer, `no answer to ${method} ${path}`);
    const declared = headField(answer, "content-length");
    const isHttp10 = answer.startsWith("HTTP/1.0");
    const responseBytes = Number(declared ?? (isHttp10 ? body.length : 0));
    const sha256 = await reader.body(responseBytes);
    if (method === "GET") assert.equal(sha256, body.sha256, `body of ${path}`);
    exchanges.push({
      method,
      path,
      status: Number(answer.split(" ")[1]),
      requestBytes: upload.length,
      responseBytes,
      sha256: body.sha256,
    });
  }
  assert.equal(await reader.head(), undefined, "the server closes after the last answer");
}
