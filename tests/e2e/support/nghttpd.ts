// SPDX-License-Identifier: MIT
/** nghttpd: mirrored, or the peer of a mirrored client. @module */
import { Child } from "./child.ts";
import { mirrorOptions, type Mode, startSslcollector, type Summary, summaryOf } from "./sslcollector.ts";
import type { Fixture } from "./fixture.ts";
import { BY_SIZE } from "./http2_mirrored.ts";
import { freePort } from "../../support/free_port.ts";

/** Another process may take a port between our asking for a free one and the server's taking it. */
const ATTEMPTS = 5;

export class Nghttpd implements AsyncDisposable {
  private constructor(readonly port: number, readonly child: Child) {}

  /** Serves the bodies of the fixture; with `capture` under `run --codec http2to1`. It listens when this is done. */
  static async start(
    fixture: Fixture,
    options: readonly string[],
    mirrored?: { readonly mode: Mode; readonly capture: string },
  ): Promise<Nghttpd> {
    for (let attempt = 1;; attempt++) {
      const port = freePort();
      const args = [
        ...["-a", "127.0.0.1", "-v", "-d", fixture.bodies, ...options],
        ...[`${port}`, fixture.key, fixture.certificate],
      ];
      const run = mirrored &&
        ["run", ...mirrorOptions(mirrored.capture), "--codec", BY_SIZE, "--", "nghttpd"];
      const child = mirrored
        ? await startSslcollector(mirrored.mode, fixture, [...run!, ...args])
        : new Child("nghttpd", { args });
      try {
        // With -v it says so on standard output.
        await child.found("stdout", /: listen /);
        return new Nghttpd(port, child);
      } catch (error) {
        await child[Symbol.asyncDispose]();
        if (attempt === ATTEMPTS) throw error;
      }
    }
  }

  /** Ends it; the summary of one that was mirrored. */
  async stop(): Promise<Summary> {
    this.child.kill("SIGINT");
    return summaryOf(await this.child.ended);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.child[Symbol.asyncDispose]();
  }
}
