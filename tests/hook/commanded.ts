// SPDX-License-Identifier: MIT
/** A program that uses TLS and memory when it is told to. @module */
import { TextLineStream } from "../support/lines.ts";
import { compile, hooked, WORK } from "./native.ts";

/** KiB. */
export interface Used {
  readonly shared: number;
  readonly mapped: number;
}

let compiled: Promise<string> | undefined;

async function build(): Promise<string> {
  await compile("libfake.so", ["fake_tls.c"], ["-shared", "-fPIC"]);
  return await compile("commands", ["commands.c"], [
    `-L${WORK}`,
    "-lfake",
    `-Wl,-rpath,${WORK}`,
    "-lpthread",
  ]);
}

/** `commands.c` with the hook. */
export class Commanded implements AsyncDisposable {
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #output: ReadableStreamDefaultReader<string>;

  private constructor(readonly child: Deno.ChildProcess) {
    this.#input = child.stdin.getWriter();
    this.#output = child.stdout.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream())
      .getReader();
  }

  /** `before` is a line of shell that comes first. */
  static async start(runtime: string, before = ":", ...args: string[]): Promise<Commanded> {
    const program = await (compiled ??= build());
    const command = new Deno.Command("sh", {
      args: ["-c", `${before}; exec env LD_PRELOAD="$HOOK" "$@"`, "sh", program, ...args],
      env: { ...await hooked(runtime), LD_PRELOAD: "", HOOK: (await hooked(runtime)).LD_PRELOAD },
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    });
    return new Commanded(command.spawn());
  }

  /** Throws when the command fails or the program has ended. */
  async do(command: "write" | "allocate" | "limit", amount: number): Promise<Used> {
    await this.#input.write(new TextEncoder().encode(`${command} ${amount}\n`));
    const { value } = await this.#output.read();
    const answer = /^(\d+) (\d+)$/.exec(value ?? "");
    if (answer === null) throw new Error(`${command} ${amount}: ${value ?? "the program has ended"}`);
    return { shared: Number(answer[1]), mapped: Number(answer[2]) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#input.close().catch(() => {});
    await this.#output.cancel();
    await this.child.status;
  }
}
