// SPDX-License-Identifier: MIT
/** Programs that speak HTTP/2, started with `run --codec http2to1`. @module */
import assert from "node:assert/strict";
import type { Child } from "./child.ts";
import {
  mirrorOptions,
  type Mode,
  runSslcollector,
  startSslcollector,
  type Summary,
  summaryOf,
} from "./sslcollector.ts";
import type { Fixture } from "./fixture.ts";

/** However slow the machine is, only size sends an exchange to a lane of its own. */
export const BY_SIZE = "http2to1:stream-after=1h";

export interface MirroredClient {
  readonly capture: string;
  readonly summary: Summary;
  readonly stdout: string;
}

/** Runs a client to its end, which must be a good one. */
export async function mirrorClient(
  mode: Mode,
  fixture: Fixture,
  command: readonly string[],
  codec: string = BY_SIZE,
): Promise<MirroredClient> {
  const capture = fixture.path(`${crypto.randomUUID()}.pcapng`);
  const args = ["run", ...mirrorOptions(capture), "--codec", codec, "--", ...command];
  const ended = await runSslcollector(mode, fixture, args, { cwd: fixture.folder });
  assert.equal(ended.code, 0, `${command[0]}: ${ended.stderr}`);
  return { capture, summary: summaryOf(ended), stdout: new TextDecoder().decode(ended.stdout) };
}

export interface ServerStart {
  readonly mode: Mode;
  readonly command: readonly string[];
  /** Finds the port in what the server prints, on either output. */
  readonly listening: RegExp;
  readonly env?: Readonly<Record<string, string>>;
  readonly codec?: string;
}

/** A server that chooses its port itself. */
export class MirroredServer implements AsyncDisposable {
  private constructor(readonly port: number, readonly capture: string, readonly child: Child) {}

  /** It listens when this is done. */
  static async start(
    fixture: Fixture,
    { mode, command, listening, env, codec = BY_SIZE }: ServerStart,
  ): Promise<MirroredServer> {
    const capture = fixture.path(`${crypto.randomUUID()}.pcapng`);
    const args = ["run", ...mirrorOptions(capture), "--codec", codec, "--", ...command];
    const child = await startSslcollector(mode, fixture, args, { cwd: fixture.folder, env });
    try {
      const [, port] = await Promise.any([
        child.found("stdout", listening),
        child.found("stderr", listening),
      ]);
      return new MirroredServer(Number(port), capture, child);
    } catch (error) {
      await child[Symbol.asyncDispose]();
      throw error instanceof AggregateError ? error.errors[0] : error;
    }
  }

  /** Asks it to end; answers what it printed, too. */
  async stop(): Promise<{ summary: Summary; stdout: string }> {
    this.child.kill("SIGTERM");
    return await this.ended();
  }

  /** The same of one that ends by itself. */
  async ended(): Promise<{ summary: Summary; stdout: string }> {
    const ended = await this.child.ended;
    return { summary: summaryOf(ended), stdout: new TextDecoder().decode(ended.stdout) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.child[Symbol.asyncDispose]();
  }
}

/** What a program tells as JSON, a line each. */
export const jsonLines = <T>(text: string): T[] =>
  text.split("\n").filter((line) => line.startsWith("{")).map((line) => JSON.parse(line) as T);
