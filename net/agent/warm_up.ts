// SPDX-License-Identifier: MIT
/**
 * Has the code between ring and sink compiled before the first program comes: cold, the first megabytes take ten times as
 * long, and a fast program fills its ring meanwhile.
 *
 * @module
 */
import type { Codec } from "../../codecs/codec.ts";
import { type Direction, TO_CLIENT, TO_SERVER } from "../../codecs/direction.ts";
import { raw } from "../../codecs/raw.ts";
import { SETTLED_BY } from "../capture/settled_fields.ts";
import type { CaptureOpen } from "../capture/target.ts";
import { InitialSequenceNumbers } from "../forge/isn.ts";
import { PacketBuffer } from "../forge/packet_batch.ts";
import { Pipeline } from "../mirror/pipeline.ts";
import { DEFAULT_MTU } from "../sinks/sink.ts";
import type { View } from "../view/view.ts";
import { printableLine } from "../wire/printable.ts";

/** Flows of each kind, open at the same time: with fewer V8 may settle how it keeps their objects when there are none. */
const FLOWS = SETTLED_BY;
/** Some 4 MiB, as large and as small records: about 10 ms. */
const LARGE_RECORDS = 256;
const SMALL_RECORDS = 1024;
const EXCHANGES = 1000;
/** All of its flows get so much of a codec's sample, and the first one the rest. */
const CODEC_BYTES_SHARED = 4 * 1024;
/** When everything happens: V8 keeps it as most times are kept, not as a small integer. */
const TIME_NS = 3_600_000_000_000;
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
  warmUpPlain(new MadeUpFlows(pipeline, 0, ""));
  if (view !== undefined) warmUpExchanges(new MadeUpFlows(pipeline, 1, "http/1.1"));
  for (const [index, codec] of codecs.entries()) {
    try {
      warmUpCodec(pipeline, 2 + index, codec);
    } catch (error) {
      warn(`codec ${codec.name} begins cold, its warmUp failed: ${printableLine(String(error))}`);
    }
  }
  pipeline.drain();
  view?.update();
}

/** Flows of one kind, of which there may be several. */
class MadeUpFlows {
  readonly #pipeline: Pipeline;
  /** Number of the first. */
  readonly #first: number;
  /** Bytes told so far, of each flow and direction. */
  readonly #offsets = Array.from({ length: FLOWS }, () => [0, 0]);

  constructor(pipeline: Pipeline, kind: number, alpn: string) {
    this.#pipeline = pipeline;
    this.#first = 1 + kind * FLOWS;
    for (let at = 0; at < FLOWS; at++) {
      const flow = this.#first + at;
      pipeline.open(PROGRAM, flow, madeUpOpen(flow, alpn), TIME_NS);
    }
  }

  /** Bytes of one of them, which are counted round and round. */
  data(number: number, direction: Direction, bytes: Uint8Array): void {
    const at = number % FLOWS;
    const offset = this.#offsets[at][direction];
    this.#pipeline.data(PROGRAM, this.#first + at, direction, offset, bytes, TIME_NS);
    this.#offsets[at][direction] += bytes.length;
  }
}

function warmUpPlain(flows: MadeUpFlows): void {
  const large = new Uint8Array(16 * 1024).fill(0x2e);
  const small = large.subarray(0, 100);
  for (let at = 0; at < LARGE_RECORDS; at++) flows.data(at, TO_CLIENT, large);
  for (let at = 0; at < SMALL_RECORDS; at++) flows.data(at, TO_CLIENT, small);
}

function warmUpExchanges(flows: MadeUpFlows): void {
  for (let at = 0; at < EXCHANGES; at++) {
    flows.data(at, TO_SERVER, REQUEST);
    flows.data(at, TO_CLIENT, RESPONSE);
  }
}

function warmUpCodec(pipeline: Pipeline, kind: number, codec: Codec): void {
  const sample = codec.warmUp?.();
  if (sample === undefined) return;
  const { alpn = "", records } = sample;
  const flows = new MadeUpFlows(pipeline, kind, alpn);
  let bytes = 0;
  let count = 0;
  for (const [direction, record] of records) {
    if (!((direction === 0 || direction === 1) && record instanceof Uint8Array)) {
      throw new TypeError("a record must be a direction, 0 or 1, and a Uint8Array");
    }
    bytes += record.length;
    if (++count > CODEC_RECORDS_MAX || bytes > CODEC_BYTES_MAX) break;
    const last = bytes <= CODEC_BYTES_SHARED ? FLOWS : 1;
    for (let at = 0; at < last; at++) flows.data(at, direction, record);
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
