// SPDX-License-Identifier: MIT
/**
 * Has the code between ring and sink compiled before the first program comes: cold, the first megabytes take ten times as
 * long, and a fast program fills its ring meanwhile.
 *
 * @module
 */
import type { Codec } from "../codecs/codec.ts";
import { raw } from "../codecs/raw.ts";
import type { CaptureOpen } from "../net/capture/target.ts";
import { InitialSequenceNumbers } from "../net/forge/isn.ts";
import { PacketBuffer } from "../net/forge/packet_batch.ts";
import { Pipeline } from "../net/mirror/pipeline.ts";
import { madeUpHttp2 } from "./warm_up_http2.ts";

/** Some 4 MiB, as large and as small records: about 10 ms. */
const LARGE_RECORDS = 256;
const SMALL_RECORDS = 1024;

/** Runs made-up flows through a pipeline of its own that leads nowhere. */
export function warmUp(codecs: readonly Codec[]): void {
  const settings = { mtu: 1500, initialSequenceNumbers: new InitialSequenceNumbers(0) };
  const buffer = new PacketBuffer({ timeBaseNs: 0n, onFull: () => {} });
  const observer = { flowOpened() {}, flowClosed() {}, laneOpened() {}, codecFailed() {}, programEnded() {} };
  const pipeline = new Pipeline(
    { codecs, raw, observer, requireAttribution: false, idleNs: Infinity, flowsMax: Infinity },
    { buffer, settings },
  );
  const program = { id: 1, pid: 1, uid: 0, comm: "" };
  const bytes = new Uint8Array(16 * 1024).fill(0x2e);
  const sizes = [[1, LARGE_RECORDS, bytes], [2, SMALL_RECORDS, bytes.subarray(0, 100)]] as const;
  for (const [flow, records, record] of sizes) {
    pipeline.open(program, flow, madeUpOpen(flow, ""), 0);
    for (let at = 0; at < records; at++) pipeline.data(program, flow, 1, at * record.length, record, 0);
  }
  if (codecs.some(({ name }) => name === "http2to1")) {
    pipeline.open(program, 3, madeUpOpen(3, "h2"), 0);
    const offsets = [0, 0];
    for (const [direction, record] of madeUpHttp2()) {
      pipeline.data(program, 3, direction, offsets[direction], record, 0);
      offsets[direction] += record.length;
    }
  }
  pipeline.drain();
}

function madeUpOpen(port: number, alpn: string): CaptureOpen {
  const loopback = Uint8Array.of(127, 0, 0, 1);
  return {
    address: { grade: "socket", localIp: loopback, localPort: port, remoteIp: loopback, remotePort: 443 },
    clientRandom: "",
    isServer: false,
    tlsVersion: 0,
    cipherSuite: 0,
    alpn,
    sni: "",
    pid: 1,
    uid: 0,
    comm: "",
    offsets: [0, 0],
    update: false,
    inherited: false,
    late: false,
  };
}
