// SPDX-License-Identifier: MIT
/** An agent's sink as a process of its own, to be killed. Tells how many packets it has written. @module */
import { loadCredentials } from "../../net/pki/load.ts";
import { type Compression, RemoteSink } from "../../net/link/remote_sink.ts";
import { parseTarget } from "../../net/link/target.ts";
import { NumberedPackets } from "./link_packets.ts";
import { PATIENT_AGENT } from "./patience.ts";

export interface AgentArguments {
  readonly pki: string;
  readonly target: string;
  readonly spool?: string;
  readonly compress?: Compression;
  readonly packets: number;
  /** Number of the first packet. */
  readonly first: number;
}

if (import.meta.main) {
  const { pki, target, spool, compress, packets, first }: AgentArguments = JSON.parse(Deno.args[0]);
  const credentials = await loadCredentials({ directory: pki, role: "agent" });
  const sink = new RemoteSink(parseTarget(target), {
    application: "test",
    interfaceName: "any",
    agentName: "test host",
    credentials: () => credentials,
    spool: spool === undefined ? undefined : { directory: spool },
    compress,
    backoffMaxMs: 200,
    ...PATIENT_AGENT,
    info: (line) => console.error(line),
    warn: (line) => console.error(line),
  });
  const numbered = new NumberedPackets((batch) => sink.write(batch), 10, 600);
  numbered.count = first;
  while (numbered.count < first + packets) {
    numbered.make(Math.min(50, first + packets - numbered.count));
    console.log(`written ${numbered.count}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await sink.flush();
  await sink.close();
  console.log(JSON.stringify({ ...sink.counters, dropped: Object.fromEntries(sink.counters.dropped) }));
}
