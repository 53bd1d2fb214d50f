// SPDX-License-Identifier: MIT
/** An agent as users run it: the compiled binary, as a process of its own. @module */
import { compile } from "../../tools/compile.ts";

export interface Agent {
  readonly pid: number;
  /** What a program needs in its environment to be mirrored; empty for an agent with kernel probes alone. */
  readonly environment: Record<string, string>;
  /** Address of its page, where it has one. */
  readonly page: string | undefined;
  /** Ends it and answers its summary. */
  stop(): Promise<Summary>;
}

/** What `--summary json` prints, as far as benches look at it. */
export interface Summary {
  readonly total: {
    readonly flows: number;
    readonly captured: { readonly toServer: number; readonly toClient: number };
    readonly forged: { readonly toServer: number; readonly toClient: number };
    readonly packets: number;
    readonly imbalance: number;
  };
  readonly sinks: readonly { readonly name: string; readonly packets: number; readonly written: number }[];
}

let binary: Promise<string> | undefined;

/** Compiles it once. */
export function agentBinary(): Promise<string> {
  return binary ??= compile();
}

/** Starts one with `folder` for its runtime directory and waits until programs can connect. */
export async function startAgent(folder: string, sink: string, ...options: string[]): Promise<Agent> {
  const runtimeDir = `${folder}/run`;
  const child = new Deno.Command(await agentBinary(), {
    args: ["--runtime-dir", runtimeDir, "-o", sink, "--summary", "json", ...options],
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  let text = "";
  const ready = Promise.withResolvers<void>();
  const finished = (async () => {
    for await (const part of child.stderr.pipeThrough(new TextDecoderStream())) {
      text += part;
      if (/^(start a program with|programs are mirrored that run)/m.test(text)) ready.resolve();
    }
    ready.reject(new Error(`the agent ended: ${text}`));
  })();
  await ready.promise;
  const library = /LD_PRELOAD=(\S+)/.exec(text)?.[1];
  return {
    pid: child.pid,
    page: /http:\/\/\S+#token=\S+/.exec(text)?.[0],
    environment: library === undefined ? {} : { LD_PRELOAD: library, SSLCOLLECTOR_RUNTIME: runtimeDir },
    async stop() {
      child.kill("SIGTERM");
      await Promise.all([child.status, finished]);
      const line = text.split("\n").find((each) => each.startsWith("{"));
      if (!line) throw new Error(`the agent gave no summary: ${text}`);
      return JSON.parse(line);
    },
  };
}
