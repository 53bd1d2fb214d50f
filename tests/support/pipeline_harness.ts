// SPDX-License-Identifier: MIT
/** A pipeline with a program in front and its packets read back behind. @module */
import { concat } from "./bytes.ts";
import { raw } from "../../codecs/raw.ts";
import type { CaptureOpen, CaptureProgram } from "../../net/capture/target.ts";
import { Counters } from "../../net/mirror/counters.ts";
import type { Flow } from "../../net/mirror/flow.ts";
import { InitialSequenceNumbers } from "../../net/forge/isn.ts";
import { PacketBuffer } from "../../net/forge/packet_batch.ts";
import { Pipeline, type PipelineOptions } from "../../net/mirror/pipeline.ts";
import { type ForgedConnection, forgedConnections } from "./forged.ts";

export const CLIENT_IP = Uint8Array.of(10, 0, 0, 1);
export const SERVER_IP = Uint8Array.of(10, 0, 0, 2);

export function makeOpen(changes: Partial<CaptureOpen> = {}): CaptureOpen {
  return {
    address: {
      grade: "socket",
      localIp: CLIENT_IP,
      localPort: 40_000,
      remoteIp: SERVER_IP,
      remotePort: 443,
    },
    clientRandom: "aa".repeat(32),
    isServer: false,
    tlsVersion: 0x0304,
    cipherSuite: 0x1301,
    alpn: "http/1.1",
    sni: "example.test",
    pid: 100,
    uid: 1000,
    comm: "curl",
    offsets: [0, 0],
    update: false,
    inherited: false,
    late: false,
    ...changes,
  };
}

export function makeProgram(id: number, changes: Partial<CaptureProgram> = {}): CaptureProgram {
  return { id, pid: 100 + id, uid: 1000, comm: `program${id}`, ...changes };
}

export class PipelineHarness {
  readonly pipeline: Pipeline;
  /** What the observer was told: `open`, `close REASON`, `lane DESCRIPTION`, `codec NAME`. */
  readonly events: string[] = [];
  readonly program = makeProgram(1);
  /** Flows that have ended, as the books count flows. */
  endedFlows = 0;
  readonly #buffer: PacketBuffer;
  readonly #batches: Uint8Array[] = [];

  constructor(options: Partial<Omit<PipelineOptions, "observer">> = {}) {
    this.#buffer = new PacketBuffer({
      timeBaseNs: 1_700_000_000_000_000_000n,
      onFull: (batch) => this.#batches.push(batch.blocks.slice()),
    });
    this.pipeline = new Pipeline(
      {
        codecs: [raw],
        raw,
        idleNs: 3600e9,
        flowsMax: 1000,
        ...options,
        observer: {
          flowOpened: () => this.events.push("open"),
          flowClosed: (flow: Flow, end) => {
            this.endedFlows += flow.counters.flows;
            this.events.push(`close ${end}`);
          },
          laneOpened: (_flow, description) => this.events.push(`lane ${description}`),
          codecFailed: (_flow, codec) => this.events.push(`codec ${codec}`),
          programEnded: () => this.events.push("ended"),
        },
      },
      {
        buffer: this.#buffer,
        settings: { mtu: 1500, initialSequenceNumbers: new InitialSequenceNumbers(1) },
      },
    );
  }

  /** Data of this harness's program on its flow. */
  data(flow: number, direction: 0 | 1, offset: number, text: string, timeNs = 1e9): void {
    this.pipeline.data(this.program, flow, direction, offset, new TextEncoder().encode(text), timeNs);
  }

  /** Forged so far. */
  connections(): ForgedConnection[] {
    this.#buffer.flush();
    return forgedConnections(concat(this.#batches));
  }

  /** Blocks forged so far. */
  bytes(): Uint8Array {
    this.#buffer.flush();
    return concat(this.#batches);
  }

  /** The books of all programs; asserts nothing. */
  total(): Counters {
    const total = new Counters();
    for (const row of this.pipeline.rows()) total.add(row.counters);
    return total;
  }
}

/** A stream as text. */
export function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
