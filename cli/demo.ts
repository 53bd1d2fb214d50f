// SPDX-License-Identifier: MIT
/** `sslcollector demo`: an HTTPS server in this process, curl mirrored against it, and what the capture then shows. @module */
import { startAgent } from "../net/agent/agent.ts";
import { hookLibraryPath } from "../net/agent/hook_library.ts";
import { hookSource } from "../net/agent/source.ts";
import { BadInput } from "./bad_input.ts";
import { makeCertificate } from "./demo_certificate.ts";
import { type Exchange, ExchangeReader } from "./demo_exchanges.ts";
import { configureLog } from "./log.ts";
import type { DemoCommand } from "./options.ts";
import { print } from "./output.ts";
import { resolveProgram } from "./program.ts";
import { formatBytes } from "./format.ts";

const BODY_BYTES = 1_000_000;

/** Answers the exit status: 1 when the capture does not show what curl did. */
export async function runDemo({ output }: DemoCommand): Promise<number> {
  if (!resolveProgram("curl")) throw new BadInput("demo: curl is needed: apt-get install curl");
  const path = output ?? "demo.pcapng";
  configureLog();
  const runtimeDir = Deno.makeTempDirSync({ prefix: "sslcollector-" });
  const reader = new ExchangeReader();
  const agent = await startAgent({
    sinks: [path.startsWith("/") ? path : `./${path}`, ({ frame }) => reader.add(frame)],
    sources: [hookSource({ runtimeDir, startsPrograms: true })],
  });
  const server = await startServer();
  const origin = `https://localhost:${server.addr.port}`;
  print(`an HTTPS server on ${origin}, and curl against it:`);
  const done = await curl(origin, { LD_PRELOAD: await hookLibraryPath(), SSLCOLLECTOR_RUNTIME: runtimeDir });
  await agent.finish();
  await server.shutdown();
  Deno.removeSync(runtimeDir, { recursive: true });
  const exchanges = reader.exchanges();
  print("");
  for (const row of table(exchanges)) print(`  ${row}`);
  print("");
  print(
    `${path} is what an IDS beside curl would have seen without encryption. Look at it with: wireshark ${path}`,
  );
  return done && exchanges.length === REQUESTS.length ? 0 : 1;
}

/** What curl is told to do; the first two share a connection, as do the last two. */
const REQUESTS: readonly (readonly string[])[] = [
  ["/hello"],
  ["/search?q=clear+text"],
  ["/form", "--data", "user=alice&secret=clear"],
  ["/large"],
];

async function startServer() {
  const { certificate, key } = await makeCertificate("localhost");
  const large = new Uint8Array(BODY_BYTES).map((_, index) => 97 + index % 26);
  const listening = Promise.withResolvers<void>();
  const server = Deno.serve({
    hostname: "127.0.0.1",
    port: 0,
    cert: certificate,
    key,
    onListen: () => listening.resolve(),
  }, async (request) => {
    const { pathname } = new URL(request.url);
    if (request.method === "POST") {
      return new Response(`got ${(await request.text()).length} bytes\n`, { status: 201 });
    }
    return new Response(pathname === "/large" ? large : `hello from ${pathname}\n`);
  });
  await listening.promise;
  return server;
}

async function curl(origin: string, env: Record<string, string>): Promise<boolean> {
  const args = ["--silent", "--insecure", "--http1.1", "--no-progress-meter"];
  const transfers = REQUESTS.map((
    [path, ...rest],
  ) => [...args, `${origin}${path}`, ...rest, "--output", "/dev/null"]);
  const { success } = await new Deno.Command("curl", {
    args: transfers.flatMap((transfer, index) => index === 0 ? transfer : ["--next", ...transfer]),
    env,
    stdin: "null",
    stdout: "null",
    stderr: "inherit",
  }).output();
  return success;
}

function table(exchanges: readonly Exchange[]): string[] {
  const rows = [["client", "request", "status", "sent", "received"]];
  for (const { client, method, target, status, requestBytes, responseBytes } of exchanges) {
    rows.push([client, `${method} ${target}`, status, formatBytes(requestBytes), formatBytes(responseBytes)]);
  }
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  return rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column])).join("  ").trimEnd());
}
