// SPDX-License-Identifier: MIT
/** A spool that was damaged between two agents: what that cost is in the books of both ends, and nothing of it is delivered. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { BLOCK_ENHANCED_PACKET, PACKET_FRAME } from "../../../../net/wire/pcapng.ts";
import type { SinkCounters } from "../../../../net/sinks/sink.ts";
import { freePort } from "../../../support/free_port.ts";
import { remoteSink, startLinkServer, TestLog, withPki } from "../../../support/link_harness.ts";
import { NumberedPackets, numberOf } from "../../../support/link_packets.ts";
import { withSeed } from "../../../support/random.ts";

/** Three segments, the last of them in part. */
const PACKETS = 14_000;
const FRAME_LENGTH = 1500;

interface Damage {
  readonly name: string;
  /** Most packets that it may cost. */
  readonly most: number;
  /** `segments` are paths, oldest first. */
  do(segments: readonly string[], directory: string, below: (limit: number) => number): void;
}

function change(path: string, change: (bytes: Uint8Array) => void): void {
  const bytes = Deno.readFileSync(path);
  change(bytes);
  Deno.writeFileSync(path, bytes);
}

/** Packets of a batch, which is written as one run. */
const BATCH = 200;
const SEGMENT = 6000;

const DAMAGES: readonly Damage[] = [
  {
    name: "a byte flipped",
    most: BATCH,
    do: (segments, _, below) =>
      change(segments[1], (bytes) => bytes[500 + below(bytes.length - 500)] ^= 0x10),
  },
  {
    name: "a byte flipped in each segment",
    most: 3 * BATCH,
    do: (segments, _, below) => {
      for (const path of segments) change(path, (bytes) => bytes[below(bytes.length)] ^= 1 << below(8));
    },
  },
  { name: "the first segment gone", most: SEGMENT, do: ([first]) => Deno.removeSync(first) },
  { name: "a segment in the middle gone", most: SEGMENT, do: (segments) => Deno.removeSync(segments[1]) },
  { name: "the last segment gone", most: SEGMENT, do: (segments) => Deno.removeSync(segments.at(-1)!) },
  {
    name: "a tail of zeros",
    most: SEGMENT,
    do: (segments, _, below) => change(segments.at(-1)!, (bytes) => bytes.fill(0, below(bytes.length))),
  },
  {
    name: "a segment cut short",
    most: SEGMENT,
    do: (segments, _, below) => Deno.truncateSync(segments[1], below(Deno.statSync(segments[1]).size)),
  },
  {
    name: "a page of rubbish in the middle",
    most: 3 * BATCH,
    do: (segments, _, below) =>
      change(segments[1], (bytes) => {
        const at = below(bytes.length - 4096);
        for (let byte = at; byte < at + 4096; byte++) bytes[byte] = below(256);
      }),
  },
  {
    name: "a segment of rubbish",
    most: SEGMENT,
    do: (segments, _, below) =>
      change(segments[0], (bytes) => bytes.forEach((_, at) => bytes[at] = below(256))),
  },
  {
    name: "the note gone",
    most: 0,
    do: (_, directory) => {
      for (const { name } of Deno.readDirSync(directory)) {
        if (name.endsWith(".note")) {
          Deno.removeSync(`${directory}/${name}`);
        }
      }
    },
  },
];

const dropped = ({ dropped }: SinkCounters) =>
  [...dropped.values()].reduce((sum, packets) => sum + packets, 0);

for (const { name, most, do: damage } of DAMAGES) {
  Deno.test(`a damaged spool costs what it costs, in both books: ${name}`, () =>
    withSeed((random) =>
      withPki(async (pki) => {
        const log = new TestLog();
        const directory = `${pki.folder}/spool`;
        const options = { queueBytes: 1 << 20, spool: { directory } };
        const first = remoteSink("127.0.0.1:1", pki.agent, log, { ...options, stalledMs: 1 });
        const packets = new NumberedPackets((batch) => first.write(batch), 10, FRAME_LENGTH);
        for (; packets.count < PACKETS;) packets.make(BATCH);
        await first.close();
        assert.equal(first.counters.kept, PACKETS);
        const segments = [...Deno.readDirSync(directory)].map(({ name }) => name).sort()
          .filter((name) => name.endsWith(".pcapng")).map((name) => `${directory}/${name}`);
        assert.equal(segments.length, 3);
        damage(segments, directory, (limit) => random.below(limit));

        const out = `${pki.folder}/out.pcapng`;
        const server = await startLinkServer(pki, out, log);
        const second = remoteSink(`127.0.0.1:${server.port}`, pki.agent, log, options);
        const own = new NumberedPackets((batch) => second.write(batch), 10, FRAME_LENGTH);
        own.count = PACKETS;
        own.make(100);
        await second.flush();
        await second.close();
        await server.close();
        const { counters } = second;
        const lost = dropped(counters);
        assert.equal(counters.packets, PACKETS + 100, "what was kept is accounted for");
        assert.equal(counters.packets, counters.written + lost);
        assert.ok(lost <= most && (most === 0 || lost > 0), `${lost} packets are lost`);
        assert.deepEqual([...counters.dropped.keys()], lost > 0 ? ["spool-damaged"] : []);
        assert.deepEqual([...server.agents.get("web1")!.lost], [...counters.dropped]);
        const numbers = soundNumbersIn(await Deno.readFile(out));
        assert.equal(numbers.length, counters.written);
        assert.ok(
          numbers.every((number, at) => at === 0 || number > numbers[at - 1]),
          "none twice, in order",
        );
      })
    ));
}

Deno.test("a byte that is flipped while the agent runs is not delivered, and costs one run", () =>
  withPki(async (pki) => {
    const log = new TestLog();
    const directory = `${pki.folder}/spool`;
    const port = freePort();
    const sink = remoteSink(`127.0.0.1:${port}`, pki.agent, log, {
      queueBytes: 1 << 20,
      spool: { directory },
    });
    const packets = new NumberedPackets((batch) => sink.write(batch), 10, FRAME_LENGTH);
    for (; packets.count < PACKETS;) packets.make(BATCH);
    const segment = [...Deno.readDirSync(directory)].map(({ name }) => name).sort()[2];
    change(`${directory}/${segment}`, (bytes) => bytes[4_000_000] ^= 1);
    const out = `${pki.folder}/out.pcapng`;
    const server = await startLinkServer(pki, out, log, { port });
    await sink.flush();
    await sink.close();
    await server.close();
    const lost = sink.counters.dropped.get("spool-damaged")!;
    assert.ok(lost > 0 && lost <= BATCH, `${lost} packets are lost`);
    assert.equal(sink.counters.written + lost, PACKETS);
    assert.deepEqual([...server.agents.get("web1")!.lost], [["spool-damaged", lost]]);
    assert.equal(soundNumbersIn(await Deno.readFile(out)).length, PACKETS - lost);
    await log.find(/packets are lost: they are not as they were written$/);
  }));

/** Numbers of the frames of a capture, each of which must be as it was made: zeros behind its number. */
function soundNumbersIn(capture: Uint8Array): number[] {
  const numbers: number[] = [];
  const zeros = new Uint8Array(FRAME_LENGTH - 58);
  const view = new DataView(capture.buffer);
  for (let at = 0; at < capture.length; at += view.getUint32(at + 4, true)) {
    if (view.getUint32(at, true) !== BLOCK_ENHANCED_PACKET) continue;
    const frame = capture.subarray(at + PACKET_FRAME, at + PACKET_FRAME + FRAME_LENGTH);
    const number = numberOf(frame);
    assert.ok(Buffer.from(frame.subarray(58)).equals(zeros), `packet ${number} is not as it was made`);
    numbers.push(number);
  }
  return numbers;
}
