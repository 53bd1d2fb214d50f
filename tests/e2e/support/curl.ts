// SPDX-License-Identifier: MIT
/** curl: mirrored as a program under test, or without a hook as the peer of a mirrored server. @module */
import assert from "node:assert/strict";
import { sha256 } from "../../support/tshark.ts";
import { runChild } from "./child.ts";
import { type Connection, endpoint, type Seen } from "./exchange.ts";
import type { Fixture } from "./fixture.ts";
import { LINK_BYTES_PER_SECOND } from "./link.ts";

export interface Target {
  readonly hostname: "127.0.0.1" | "::1";
  readonly port: number;
}

/** One line a transfer on standard output. */
const REPORT = "%{json}\n";

/** Arguments for one curl that makes these requests; downloads go to files of the fixture that begin with `label`. */
export function curlArguments(
  connections: readonly Connection[],
  target: Target,
  fixture: Fixture,
  label = "",
): string[] {
  const { hostname, port } = target;
  const address = hostname === "::1" ? "[::1]" : hostname;
  const common = [
    ...["--silent", "--show-error", "--http1.1", "--cacert", fixture.certificate],
    ...["--resolve", `localhost:${port}:${address}`, "--write-out", REPORT],
  ];
  return connections.flatMap((connection, number) =>
    connection.flatMap(({ method, path, body }, index) => [
      ...number + index > 0 ? ["--next"] : [],
      ...common,
      ...index === connection.length - 1 ? ["--header", "Connection: close"] : [],
      ...method === "PUT" ? ["--upload-file", `${fixture.bodies}/${body.name}`] : [],
      ...["--output", method === "PUT" ? "/dev/null" : download(fixture, label, body.name)],
      `https://localhost:${port}${path}`,
    ])
  );
}

const download = (fixture: Fixture, label: string, name: string) => fixture.path(`${label}${name}.download`);

/** Fails unless every body that a curl with these arguments downloaded is whole. */
export function checkDownloads(connections: readonly Connection[], fixture: Fixture, label = ""): void {
  for (const { method, body } of connections.flat()) {
    if (method === "GET") {
      assert.equal(
        sha256(Deno.readFileSync(download(fixture, label, body.name))),
        body.sha256,
        `download of ${body.name}`,
      );
    }
  }
}

/** Runs an unmirrored curl, no faster than an agent; answers what it saw. */
export function curlPeer(
  connections: readonly Connection[],
  target: Target,
  fixture: Fixture,
): Promise<Seen> {
  return seenByCurl(connections, target, fixture, ["--limit-rate", `${LINK_BYTES_PER_SECOND}`]);
}

/** Runs a curl without a hook, each transfer with `options`; answers what it saw. */
export async function seenByCurl(
  connections: readonly Connection[],
  target: Target,
  fixture: Fixture,
  options: readonly string[],
): Promise<Seen> {
  // Several may download the same at a time.
  const label = `${crypto.randomUUID()}-`;
  const args = curlArguments(connections, target, fixture, label)
    // They belong to a transfer, and so they are given to each.
    .flatMap((word) => word === "--http1.1" ? [word, ...options] : [word]);
  const { stdout } = await runChild("curl", { args });
  checkDownloads(connections, fixture, label);
  const reports = new TextDecoder().decode(stdout).trim().split("\n").map((line) => JSON.parse(line));
  const requests = connections.flat();
  assert.equal(reports.length, requests.length, "transfers that curl reported");
  const clients = new Set(reports.map((report) => endpoint(report.local_ip, report.local_port)));
  const server = endpoint(target.hostname, target.port);
  const seen: Seen = {
    connections: [...clients].map((client) => ({ client, server })),
    exchanges: [],
    bytes: [0, 0],
  };
  reports.forEach((report, index) => {
    const { method, path, body } = requests[index];
    seen.exchanges.push({
      method,
      path,
      status: report.http_code,
      requestBytes: report.size_upload,
      responseBytes: report.size_download,
      sha256: body.sha256,
    });
    seen.bytes[0] += report.size_request + report.size_upload;
    seen.bytes[1] += report.size_header + report.size_download;
  });
  return seen;
}

/** What several peers saw together. */
export function together(parts: readonly Seen[]): Seen {
  return {
    connections: parts.flatMap(({ connections }) => connections),
    exchanges: parts.flatMap(({ exchanges }) => exchanges),
    bytes: [
      parts.reduce((sum, { bytes }) => sum + bytes[0], 0),
      parts.reduce((sum, { bytes }) => sum + bytes[1], 0),
    ],
  };
}
