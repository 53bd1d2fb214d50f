// SPDX-License-Identifier: MIT
/** `sslcollector -C` with certificates of its own. @module */
import assert from "node:assert/strict";
import { runChild } from "./child.ts";
import type { Child } from "./child.ts";
import { type Mode, runSslcollector, startSslcollector } from "./sslcollector.ts";
import type { Fixture } from "./fixture.ts";

/** What `-C --summary json` ends with. */
export interface CollectorSummary {
  readonly agents: readonly {
    readonly name: string;
    readonly address: string;
    readonly packets: number;
    readonly bytes: number;
    readonly lost: Record<string, number>;
    readonly duplicates: number;
    readonly lagPackets: number;
  }[];
  readonly sinks: readonly { readonly name: string; readonly packets: number; readonly written: number }[];
}

/** Makes a CA, a collector's certificate for `addresses` and agents' ones; answers the options that name the directory. */
export async function makePki(
  fixture: Fixture,
  addresses: readonly string[] = ["127.0.0.1"],
  agents: readonly string[] = ["web1"],
): Promise<string[]> {
  const pki = ["--pki", fixture.path("pki")];
  const sans = addresses.flatMap((address) => ["--san", address]);
  for (
    const words of [
      ["init"],
      ["issue", "collector", "hub", ...sans],
      ...agents.map((name) => ["issue", "agent", name]),
    ]
  ) {
    const { code, stderr } = await runSslcollector("source", fixture, ["pki", ...words, ...pki]);
    assert.equal(code, 0, stderr);
  }
  return pki;
}

/** A collector at work. */
export class Collector implements AsyncDisposable {
  private constructor(readonly child: Child, readonly port: number) {}

  /** `capture` is its sink; more options follow. */
  static start(mode: Mode, fixture: Fixture, capture: string, ...more: string[]): Promise<Collector> {
    return Collector.startUnder([], mode, fixture, capture, ...more);
  }

  /** The same, from source where a command starts it. */
  static async startUnder(
    under: readonly string[],
    mode: Mode,
    fixture: Fixture,
    capture: string,
    ...more: string[]
  ): Promise<Collector> {
    const args = [
      ...["-C", "-o", capture, "--state", `${capture}.state`, "--summary", "json"],
      ...["--runtime-dir", fixture.path("runtime")],
    ];
    const listen = more.includes("-L") ? [] : ["-L", "127.0.0.1:0"];
    const child = await startSslcollector(mode, fixture, [...args, ...listen, ...more], { under });
    try {
      const [, port] = await child.found("stderr", / sslcollector: info: collecting on \S+:(\d+) into /m);
      return new Collector(child, Number(port));
    } catch (error) {
      await child[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Asks it to end; fails unless it ends well. */
  async stop(): Promise<{ summary: CollectorSummary; stderr: string }> {
    this.child.kill("SIGTERM");
    const { code, stderr } = await this.child.ended;
    assert.equal(code, 0, stderr);
    return { summary: JSON.parse(stderr.trimEnd().split("\n").at(-1)!), stderr };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.child[Symbol.asyncDispose]();
  }
}

/** An HTTPS server of this process for the fixture's bodies, which no hook sees. */
export class BodyServer implements AsyncDisposable {
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  constructor(readonly fixture: Fixture) {
    this.#server = Deno.serve({
      hostname: "127.0.0.1",
      port: 0,
      cert: Deno.readTextFileSync(fixture.certificate),
      key: Deno.readTextFileSync(fixture.key),
      onListen: () => {},
    }, (request) => new Response(Deno.readFileSync(fixture.bodies + new URL(request.url).pathname)));
  }

  /** A curl for `path`, each with a connection of its own, one after the other. */
  curl(path: string, connections: number): string[] {
    const one = [
      ...["--silent", "--show-error", "--http1.1", "--cacert", this.fixture.certificate],
      ...["--header", "Connection: close", "--output", "/dev/null"],
      `https://localhost:${this.#server.addr.port}/${path}`,
    ];
    return [
      "curl",
      ...Array.from({ length: connections }, (_, at) => at > 0 ? ["--next", ...one] : one).flat(),
    ];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}

/** Distinct connections of a capture, named `client:port`. */
export async function clientsOf(capture: string): Promise<Set<string>> {
  const { stdout } = await runChild("tshark", {
    args: ["-r", capture, "-Y", "tcp.flags.syn==1 && tcp.flags.ack==0", "-T", "fields", "-e", "tcp.srcport"],
  });
  return new Set(new TextDecoder().decode(stdout).trim().split("\n").filter((line) => line !== ""));
}
