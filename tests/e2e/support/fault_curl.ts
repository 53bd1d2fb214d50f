// SPDX-License-Identifier: MIT
/** A mirrored curl whose output the test reads as it comes. @module */
import { createHash } from "node:crypto";
import type { Fixture } from "./fixture.ts";
import { awaited } from "../../support/until.ts";

export interface Downloaded {
  readonly code: number;
  readonly stderr: string;
  readonly lengthBytes: number;
  readonly sha256: string;
}

export class Download implements AsyncDisposable {
  readonly #ended: Promise<Downloaded>;
  readonly #process: Deno.ChildProcess;
  #received = 0;
  #marks: { readonly bytes: number; readonly reached: () => void }[] = [];
  #running = true;

  /** `pause`, if given, is awaited before the next bytes are read once the download has `pause.at` bytes. */
  constructor(
    fixture: Fixture,
    urls: readonly string[],
    env: Readonly<Record<string, string>>,
    pause?: { readonly at: number; readonly until: () => Promise<void> },
  ) {
    this.#process = new Deno.Command("curl", {
      args: [
        "--silent",
        "--show-error",
        "--no-buffer",
        "--http1.1",
        "--cacert",
        fixture.certificate,
        ...urls,
      ],
      env,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#ended = this.#read(pause);
    // A test that fails earlier never asks.
    this.#ended.catch(() => {});
  }

  /** Resolves when curl has ended. */
  get ended(): Promise<Downloaded> {
    return awaited("the end of curl", this.#ended);
  }

  get pid(): number {
    return this.#process.pid;
  }

  /** Resolves as soon as curl has passed on so many bytes of bodies. */
  reached(bytes: number): Promise<void> {
    if (this.#received >= bytes) return Promise.resolve();
    const mark = Promise.withResolvers<void>();
    this.#marks.push({ bytes, reached: mark.resolve });
    const reached = Promise.race([
      mark.promise,
      this.#ended.then(({ stderr }) =>
        Promise.reject(new Error(`curl ended at ${this.#received} bytes: ${stderr}`))
      ),
    ]);
    return awaited(`${bytes} bytes of the download`, reached);
  }

  async #read(pause?: { readonly at: number; readonly until: () => Promise<void> }): Promise<Downloaded> {
    const hash = createHash("sha256");
    const stderr = new Response(this.#process.stderr).text();
    let waits = pause;
    for await (const chunk of this.#process.stdout) {
      hash.update(chunk);
      this.#received += chunk.length;
      this.#marks = this.#marks.filter(({ bytes, reached }) => this.#received < bytes || void reached());
      if (waits && this.#received >= waits.at) {
        await waits.until();
        waits = undefined;
      }
    }
    const { code } = await this.#process.status;
    this.#running = false;
    return { code, stderr: await stderr, lengthBytes: this.#received, sha256: hash.digest("hex") };
  }

  #kill(): void {
    if (this.#running) this.#process.kill("SIGKILL");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#kill();
    await this.#ended.catch(() => {});
  }
}
