// SPDX-License-Identifier: MIT
/**
 * Has the code between ring and sink compiled before the first program comes: cold, the first megabytes take ten times as
 * long, and a fast program fills its ring meanwhile.
 *
 * @module
 */
import type { Codec } from "../../codecs/codec.ts";
import { raw } from "../../codecs/raw.ts";
import type { CaptureOpen } from "../capture/target.ts";
import { InitialSequenceNumbers } from "../forge/isn.ts";
import { PacketBuffer } from "../forge/packet_batch.ts";
import { Pipeline } from "../mirror/pipeline.ts";
import { DEFAULT_MTU } from "../sinks/sink.ts";
import type { View } from "../view/view.ts";
import { printableLine } from "../wire/printable.ts";

/** Some 4 MiB, as large and as small records: about 10 ms. */
const LARGE_RECORDS = 256;
const SMALL_RECORDS = 1024;
const EXCHANGES = 1000;
/** Bytes and records of a codec's sample that it is warmed up with, so that a sample without end holds nothing up. */
const CODEC_BYTES_MAX = 16 * 1024 * 1024;
const CODEC_RECORDS_MAX = 65_536;

const encoder = new TextEncoder();
const REQUEST = encoder.encode("GET / HTTP/1.1\r\nHost: localhost\r\nUser-Agent: x\r\nAccept: */*\r\n\r\n");
const RESPONSE = encoder.encode(
  "HTTP/1.1 200 OK\r\nServer: x\r\nContent-Type: text/html\r\nContent-Length: 100\r\n\r\n" + "x".repeat(100),
);

const PROGRAM = { id: 1, pid: 1, uid: 0, comm: "" };

/**
 * Runs made-up flows through a pipeline of its own that leads nowhere, and lets `view` look at them. `warn` is told of a codec whose flow
 * cannot be had.
 */
export function warmUp(codecs: readonly Codec[], warn: (message: string) => void, view?: View): void {
  const settings = { mtu: DEFAULT_MTU, initialSequenceNumbers: new InitialSequenceNumbers(0) };
  const buffer = new PacketBuffer({ timeBaseNs: 0n, onFull: () => {} });
  const observer = { flowOpened() {}, flowClosed() {}, laneOpened() {}, codecFailed() {}, programEnded() {} };
  const pipeline = new Pipeline(
    {
      codecs,
      raw,
      observer,
      tap: view && ((flow) => view.tap(flow)),
      idleNs: Infinity,
      flowsMax: Infinity,
    },
    { buffer, settings },
  );
  const bytes = new Uint8Array(16 * 1024).fill(0x2e);
  warmUpPlain(pipeline, 1, LARGE_RECORDS, bytes);
  warmUpPlain(pipeline, 2, SMALL_RECORDS, bytes.subarray(0, 100));
  if (view !== undefined) warmUpExchanges(pipeline, 3);
  for (const [index, codec] of codecs.entries()) {
    try {
      warmUpCodec(pipeline, 4 + index, codec);
    } catch (error) {
      warn(`codec ${codec.name} begins cold, its warmUp failed: ${printableLine(String(error))}`);
    }
  }
  pipeline.drain();
  view?.update();
}

function warmUpPlain(pipeline: Pipeline, flow: number, records: number, record: Uint8Array): void {
  pipeline.open(PROGRAM, flow, madeUpOpen(flow, ""), 0);
  for (let at = 0; at < records; at++) pipeline.data(PROGRAM, flow, 1, at * record.length, record, 0);
}

function warmUpExchanges(pipeline: Pipeline, flow: number): void {
  pipeline.open(PROGRAM, flow, madeUpOpen(flow, "http/1.1"), 0);
  for (let at = 0; at < EXCHANGES; at++) {
    pipeline.data(PROGRAM, flow, 0, at * REQUEST.length, REQUEST, 0);
    pipeline.data(PROGRAM, flow, 1, at * RESPONSE.length, RESPONSE, 0);
  }
}

function warmUpCodec(pipeline: Pipeline, flow: number, codec: Codec): void {
  const sample = codec.warmUp?.();
  if (sample === undefined) return;
  const { alpn = "", records } = sample;
  pipeline.open(PROGRAM, flow, madeUpOpen(flow, alpn), 0);
  const offsets = [0, 0];
  let count = 0;
  for (const [direction, record] of records) {
    if (!((direction === 0 || direction === 1) && record instanceof Uint8Array)) {
      throw new TypeError("a record must be a direction, 0 or 1, and a Uint8Array");
    }
    if (++count > CODEC_RECORDS_MAX || offsets[0] + offsets[1] + record.length > CODEC_BYTES_MAX) break;
    pipeline.data(PROGRAM, flow, direction, offsets[direction], record, 0);
    offsets[direction] += record.length;
  }
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
