// SPDX-License-Identifier: MIT
/** A collector as a process of its own, to be killed. Prints its port; ends when standard input does. @module */
import { giveBackAfterStart } from "../../net/ffi/own_memory.ts";
import { loadCredentials } from "../../net/pki/load.ts";
import { LinkServer } from "../../net/collector/link_server.ts";
import { parseSinkSpec } from "../../net/sinks/spec.ts";
import { PATIENT_COLLECTOR } from "./patience.ts";

export interface CollectorArguments {
  readonly pki: string;
  readonly sink: string;
  readonly state: string;
  readonly workers: number;
  readonly hostname?: string;
  readonly heartbeatMs?: number;
}

if (import.meta.main) {
  giveBackAfterStart(); // as the command does
  const args: CollectorArguments = JSON.parse(Deno.args[0]);
  const { pki, sink, state, workers, hostname = "127.0.0.1", heartbeatMs = PATIENT_COLLECTOR.heartbeatMs } =
    args;
  const server = await LinkServer.start({
    application: "test",
    hostname,
    port: 0,
    sinks: [parseSinkSpec(sink)],
    credentials: await loadCredentials({ directory: pki, role: "collector" }),
    statePath: state,
    workers,
    heartbeatMs,
    info: (line) => console.error(line),
    warn: (line) => console.error(line),
  });
  console.log(`port ${server.port}`);
  for await (const _ of Deno.stdin.readable);
  const peak = /^VmHWM:\s+(\d+) kB/m.exec(await Deno.readTextFile("/proc/self/status"))?.[1];
  await server.close();
  console.log(`peak ${Number(peak) * 1024}`);
  const books = [...server.agents.values()];
  console.log(
    JSON.stringify(
      books.map(({ name, packets, bytes, duplicates }) => ({ name, packets, bytes, duplicates })),
    ),
  );
}
