// SPDX-License-Identifier: MIT
/** What is fuzzed: each takes random input and throws when a promise of the program is broken. @module */
import assert from "node:assert/strict";
import type { CaptureOpen } from "../../net/capture/target.ts";
import { RecordingError, RecordingReader } from "../../net/capture/recording/reader.ts";
import { RecordingWriter } from "../../net/capture/recording/writer.ts";
import { type PcapngBlock, PcapngReader } from "../support/pcapng_reader.ts";
import { pcapngHead } from "../../net/wire/pcapng.ts";
import { CLIENT_IP, makeOpen, makeProgram, PipelineHarness, SERVER_IP } from "../support/pipeline_harness.ts";
import type { Random } from "../support/random.ts";

/**
 * Anything that programs may tell, in any order: the books balance, every byte told is in them, and the packets are those of
 * whole connections.
 */
export function pipelineTarget(random: Random): void {
  const harness = new PipelineHarness({
    idleNs: 20e9,
    flowsMax: 1 + random.below(8),
    requireAttribution: random.below(4) === 0 ? "nested" : undefined,
  });
  const told = feed(harness, random);
  harness.pipeline.drain();
  harness.connections();
  const total = harness.total();
  assert.equal(total.imbalance(), 0);
  const missed = ["ring-full", "unreported"].flatMap((reason) => total.lost.get(reason) ?? [0]);
  assert.equal(sum(total.captured) - sum(missed), told);
  assert.equal(harness.endedFlows, total.flows);
}

const sum = (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0);

/** Answers how many bytes of clear text were told. */
function feed(harness: PipelineHarness, random: Random): number {
  const { pipeline } = harness;
  const programs = [1, 2, 3].map((id) =>
    makeProgram(id, {
      uid: random.below(2) * 1000,
      ...random.below(3) === 0 ? {} : { networkNamespace: 1 + random.below(2) },
      ...random.below(3) === 0 ? {} : { ancestors: [101 + random.below(3)] },
      ...random.below(4) === 0 ? { isTrusted: true } : {},
    })
  );
  let timeNs = 1e9;
  let told = 0;
  for (let calls = random.below(60); calls > 0; calls--) {
    timeNs += random.below(3) === 0 ? random.below(30) * 1e9 : random.below(1000);
    const program = programs[random.below(programs.length)];
    const flow = 1 + random.below(4);
    const direction = random.below(2) as 0 | 1;
    switch (random.below(8)) {
      case 0:
        pipeline.open(program, flow, randomOpen(random), timeNs);
        break;
      case 1: {
        const { address, clientRandom, isServer } = randomOpen(random);
        pipeline.hello(
          program,
          { address, clientRandom, received: isServer, carrier: random.below(3) },
          timeNs,
        );
        break;
      }
      case 2:
        pipeline.gap(
          program,
          flow,
          { direction, offset: random.below(5000), length: 1 + random.below(3e6), reason: "ring-full" },
          timeNs,
        );
        break;
      case 3:
        pipeline.close(program, flow, (["orderly", "abrupt", "died"] as const)[random.below(3)], timeNs);
        break;
      case 4:
        pipeline.tick(timeNs);
        break;
      case 5:
        if (random.below(4) === 0) {
          const end = {
            losses: [{ reason: "ring-full", unit: "bytes", amount: 1 + random.below(9) }] as const,
            stopped: random.below(2) ? "by chance" : undefined,
          };
          pipeline.programEnd(program, end, timeNs);
        }
        break;
      default: {
        const bytes = random.bytes(random.below(4000));
        told += bytes.length;
        pipeline.data(program, flow, direction, random.below(5000), bytes, timeNs);
      }
    }
  }
  return told;
}

function randomOpen(random: Random): CaptureOpen {
  const isServer = random.below(2) === 0;
  const port = 40_000 + random.below(3);
  const local = isServer ? [SERVER_IP, 443] as const : [CLIENT_IP, port] as const;
  const remote = isServer ? [CLIENT_IP, port] as const : [SERVER_IP, 443] as const;
  const address = {
    grade: (["none", "socket", "nested", "hello"] as const)[random.below(4)],
    localIp: local[0],
    localPort: local[1],
    remoteIp: remote[0],
    remotePort: remote[1],
    ...random.below(3) === 0 ? {} : { confirmed: random.below(2) === 0 },
  };
  return makeOpen({
    isServer,
    address: random.below(3) === 0 ? undefined : address,
    clientRandom: random.below(3) === 0 ? "" : `${random.below(4)}`.padStart(64, "0"),
    offsets: [random.below(2) * random.below(3000), random.below(2) * random.below(3000)],
    update: random.below(4) === 0,
    inherited: random.below(4) === 0,
    late: random.below(4) === 0,
    sni: random.below(2) ? "" : "a\n\u0000\u202e".repeat(random.below(40)),
  });
}

/** A recording with bytes changed, cut or repeated: one clear error or none, and the pipeline bears what comes. */
export async function recordingTarget(random: Random): Promise<void> {
  const path = await Deno.makeTempFile({ prefix: "sslcollector-fuzz-" });
  try {
    const writer = new RecordingWriter(path, { timeBaseNs: 1n, target: new PipelineHarness().pipeline });
    feed({ pipeline: writer } as unknown as PipelineHarness, random);
    writer.finish();
    const bytes = random.mutated(await Deno.readFile(path));
    const harness = new PipelineHarness();
    await replay(bytes, harness).catch((error) => {
      if (!(error instanceof RecordingError)) throw error;
    });
    harness.pipeline.drain();
    assert.equal(harness.total().imbalance(), 0);
  } finally {
    await Deno.remove(path);
  }
}

async function replay(bytes: Uint8Array, harness: PipelineHarness): Promise<void> {
  let at = 0;
  const reader = await RecordingReader.from({
    read(buffer) {
      const part = bytes.subarray(at, at + buffer.length);
      buffer.set(part);
      at += part.length;
      return Promise.resolve(part.length === 0 ? null : part.length);
    },
  });
  await reader.replay(harness.pipeline);
}

/** What was forged, written as pcapng and damaged: the reader ends with an answer, and an undamaged one is whole. */
export function pcapngTarget(random: Random): void {
  const harness = new PipelineHarness();
  feed(harness, random);
  harness.pipeline.drain();
  const head = pcapngHead({ application: "fuzz", interfaceName: "any" });
  const body = harness.bytes();
  const capture = new Uint8Array(head.length + body.length);
  capture.set(head);
  capture.set(body, head.length);
  const packets = readAll(capture, random).filter(({ kind }) => kind === "packet").length;
  assert.equal(packets, harness.total().packets);
  readAll(random.mutated(capture), random);
}

/** Blocks up to the first that is malformed or cut, in pieces of random size. */
function readAll(capture: Uint8Array, random: Random): PcapngBlock[] {
  const reader = new PcapngReader();
  const blocks: PcapngBlock[] = [];
  for (let at = 0; at < capture.length;) {
    const piece = 1 + random.below(2000);
    reader.push(capture.slice(at, at + piece));
    at += piece;
    for (;;) {
      const next = reader.next();
      if (next.state === "malformed") return blocks;
      if (next.state === "more") break;
      blocks.push(next.value);
    }
  }
  return blocks;
}
