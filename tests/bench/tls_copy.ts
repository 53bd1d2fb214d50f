// SPDX-License-Identifier: MIT
/** A bare `node:tls` server as a process of its own: reads, counts, and says so. @module */
import * as tls from "node:tls";
import type { PacketBatch } from "../../net/forge/packet_batch.ts";
import { loadCredentials } from "../../net/pki/load.ts";
import { InterfaceSink } from "../../net/sinks/interface.ts";
import { NumberedPackets } from "../support/link_packets.ts";

export const FRAME_LENGTH = 1514;

export interface TlsCopyArguments {
  readonly pki: string;
  /** After so many it says that it is done. */
  readonly bytes: number;
  /** Where it sends a full batch's frames for every full batch's bytes that it has read: TLS and the interface, no link. */
  readonly interfaceName?: string;
}

/** A full batch of frames, to be sent again and again. */
export function fullBatch(): PacketBatch {
  let batch: PacketBatch | undefined;
  const packets = new NumberedPackets(
    (full) => {
      batch ??= { count: full.count, blocks: full.blocks.slice() };
    },
    64,
    FRAME_LENGTH,
  );
  packets.make(500);
  return batch!;
}

if (import.meta.main) {
  const { pki, bytes, interfaceName }: TlsCopyArguments = JSON.parse(Deno.args[0]);
  const batch = fullBatch();
  const sink = interfaceName === undefined
    ? undefined
    : new InterfaceSink(interfaceName, { application: "bench", interfaceName: "any" });
  const { certificate, key } = await loadCredentials({ directory: pki, role: "collector" });
  const server = tls.createServer({ cert: certificate, key, minVersion: "TLSv1.3" }, (socket) => {
    let left = bytes;
    let unsent = 0;
    socket.on("error", () => {});
    socket.on("data", (data: Uint8Array) => {
      left -= data.length;
      for (unsent += data.length; sink && unsent >= batch.blocks.length; unsent -= batch.blocks.length) {
        sink.write(batch);
      }
      if (left <= 0) console.log("done");
    });
  });
  server.listen(0, "127.0.0.1", () => console.log(`port ${(server.address() as { port: number }).port}`));
  for await (const _ of Deno.stdin.readable);
  Deno.exit(0);
}
