// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { Outbox } from "../../../../net/link/session/outbox.ts";
import { hasSegments, Spool, SpoolSession } from "../../../../net/link/session/spool.ts";
import { readSegment } from "../../../../net/link/session/segment.ts";
import type { SpoolPart } from "../../../../net/link/session/spool_part.ts";
import { FrameCursor } from "../../../../net/forge/packet_batch.ts";
import { linkBlock, linkHead } from "../../../../net/link/blocks/link.ts";
import { NumberedPackets, numberOf } from "../../../support/link_packets.ts";
import { missing, runOk, withTempDir } from "../../../support/run.ts";
import { withSeed } from "../../../support/random.ts";
import { skipIf } from "../../../support/skip.ts";

const SESSION = "00112233445566778899aabbccddeeff";

function options(directory: string, maxBytes = 1 << 30) {
  return { directory, maxBytes, application: "test" };
}

function outbox(spool: Spool, queueBytes = 1 << 20, recovered?: SpoolSession): Outbox {
  const session = recovered ?? SpoolSession.begin(spool, SESSION, 0);
  return new Outbox(
    session.session,
    { queueBytes, recycles: true, now: () => 0, acknowledged: () => {}, lost: () => {}, missing: () => {} },
    session,
  );
}

/** Fills and loses as a sink does. */
function filler(box: Outbox, frameLength = 1000): { packets: NumberedPackets; refused: Map<string, number> } {
  const refused = new Map<string, number>();
  const packets = new NumberedPackets(
    ({ blocks, count }) => {
      const reason = box.add(blocks, count);
      if (reason === undefined) return;
      box.lose(count, reason);
      refused.set(reason, (refused.get(reason) ?? 0) + count);
    },
    10,
    frameLength,
  );
  return { packets, refused };
}

/** Numbers that an outbox would send, and how many it says are lost. */
function drain(box: Outbox, frameMax = 65_553): { numbers: number[]; lost: Map<string, number> } {
  const numbers: number[] = [];
  const lost = new Map<string, number>();
  const cursor = new FrameCursor();
  box.rewind();
  for (let out = box.shift(frameMax); out !== undefined; out = box.shift(frameMax)) {
    if (out.bytes === undefined) {
      lost.set(out.reason, (lost.get(out.reason) ?? 0) + out.packets);
      continue;
    }
    assert.equal(
      out.first,
      numbers.length + [...lost.values()].reduce((sum, count) => sum + count, box.first),
    );
    for (cursor.reset(out.bytes); cursor.next();) {
      numbers.push(numberOf(out.bytes.subarray(cursor.frameOffset, cursor.frameOffset + cursor.frameLength)));
    }
  }
  return { numbers, lost };
}

Deno.test("what memory does not hold comes from disk, and memory stays within its bound", () =>
  withTempDir((directory) => {
    const spool = new Spool(options(directory));
    const box = outbox(spool, 300_000);
    const { packets, refused } = filler(box);
    for (let round = 0; round < 20; round++) packets.make(1000);
    assert.ok(box.memoryBytes <= 300_000);
    assert.equal(refused.size, 0);
    assert.deepEqual(drain(box).numbers, Array.from({ length: 20_000 }, (_, number) => number));
    // Acknowledged in the middle of a batch: what follows is what is left.
    box.acknowledge(12_345);
    assert.equal(drain(box).numbers[0], 12_345);
    box.acknowledge(20_000);
    assert.ok(box.isEmpty);
    assert.equal(box.memoryBytes, 0);
    box.close();
    spool.close();
    assert.deepEqual([...Deno.readDirSync(directory)].map(({ name }) => name), ["lock"]);
  }));

Deno.test("a full spool is bounded, and what it lost is told in its place after a restart too", () =>
  withTempDir((directory) => {
    const spool = new Spool(options(directory, 4_000_000));
    const box = outbox(spool, 0);
    const { packets, refused } = filler(box);
    for (let round = 0; round < 10; round++) packets.make(1000);
    const lost = refused.get("spool-full")!;
    assert.ok(lost > 0 && spool.usedBytes <= 4_000_100);
    assert.deepEqual([...drain(box).lost], [["spool-full", lost]]);
    spool.close();
    box.close();
    const again = new Spool(options(directory, 8_000_000));
    assert.equal(again.recovered.length, 1);
    const recovered = outbox(again, 0, again.recovered[0]);
    const { numbers } = drain(recovered);
    assert.equal(numbers.length, 10_000 - lost);
    recovered.acknowledge(10_000); // the collector was told of the loss at the end
    assert.ok(recovered.isEmpty);
    recovered.close();
    again.close();
  }));

Deno.test("what was acknowledged before an unclean end does not wait, and takes no room", () =>
  withTempDir((directory) => {
    const killed = new Spool(options(directory));
    const box = outbox(killed, 0);
    const { packets } = filler(box);
    packets.make(1000);
    box.acknowledge(1000);
    assert.deepEqual(box.countWaiting(), { onDisk: 0, diskBytes: 0, inMemory: 0 });
    box.settle();
    assert.ok(!hasSegments(directory));
    assert.equal(killed.usedBytes, 0);
    packets.make(1000);
    box.acknowledge(1934);
    const { diskBytes } = box.countWaiting();
    assert.ok(diskBytes > 66 * 1000 && diskBytes < 66 * 1200);
    box.settle();
    killed.close();
    const again = new Spool(options(directory));
    const [session] = again.recovered;
    assert.ok(session.isEndUnknown);
    const recovered = outbox(again, 0, session);
    assert.equal(recovered.countWaiting().onDisk, 66);
    assert.deepEqual(drain(recovered), {
      numbers: Array.from({ length: 66 }, (_, number) => 1934 + number),
      lost: new Map(),
    });
    recovered.acknowledge(2000);
    recovered.settle();
    again.close();
    const last = new Spool(options(directory));
    assert.equal(last.recovered.length, 0);
    last.close();
    assert.deepEqual([...Deno.readDirSync(directory)].map(({ name }) => name), ["lock"]);
  }));

Deno.test("a segment that is torn anywhere gives the whole packets before", () =>
  withSeed((random) =>
    withTempDir((directory) => {
      const spool = new Spool(options(directory));
      const box = outbox(spool);
      const { packets } = filler(box);
      for (let at = 0; at < 100; at++) packets.make(1);
      box.close();
      spool.close();
      const [name] = [...Deno.readDirSync(directory)].map(({ name }) => name)
        .filter((name) => name.endsWith(".pcapng"));
      const whole = Deno.readFileSync(`${directory}/${name}`);
      for (let round = 0; round < 50; round++) {
        const length = 300 + random.below(whole.length - 300);
        Deno.writeFileSync(`${directory}/${name}`, whole.subarray(0, length));
        const torn = new Spool(options(directory));
        const numbers = torn.recovered.length === 0 ? [] : drain(outbox(torn, 0, torn.recovered[0])).numbers;
        assert.deepEqual(numbers, Array.from({ length: numbers.length }, (_, number) => number));
        assert.ok(numbers.length >= Math.floor((length - 300) / 1092) && numbers.length <= length / 1092);
        torn.close();
      }
    })
  ));

Deno.test("a segment that goes back, or comes a second time, is none to go on with", () =>
  withTempDir((directory) => {
    const spool = new Spool(options(directory));
    const box = outbox(spool, 0);
    filler(box).packets.make(50);
    box.close();
    const segment = [...Deno.readDirSync(directory)].map(({ name }) => `${directory}/${name}`)
      .find((path) => path.endsWith(".pcapng"))!;
    const bytes = Deno.readFileSync(segment);
    const parts: SpoolPart[] = [];
    assert.equal(readSegment(segment, bytes, parts, 0), undefined);
    assert.match(readSegment(segment, bytes, parts, 50)!, /^run from packet 0 behind packet 50$/);
    assert.equal(parts.reduce((sum, { packets }) => sum + packets, 0), 50);
    spool.close();
  }));

Deno.test("small batches share memory, and what is on disk shares entries", () =>
  withTempDir((directory) => {
    const spool = new Spool(options(directory));
    const counts = {
      recycles: true,
      acknowledged: () => {},
      lost: () => {},
      missing: () => {},
      now: () => 0,
    };
    const queueBytes = 1 << 20;
    const boxes = {
      memory: new Outbox(SESSION, { queueBytes, ...counts }),
      disk: outbox(spool, 0),
    };
    for (const [name, box] of Object.entries(boxes)) {
      const { packets } = filler(box, 64);
      for (let round = 0; round < 20_000; round++) packets.make(1);
      assert.ok(box.memoryBytes <= queueBytes);
      let runs = 0;
      for (let out = box.shift(65_553); out !== undefined; out = box.shift(65_553)) runs++;
      assert.ok(runs <= 20, `${name}: ${runs} runs`);
      if (name === "disk") assert.equal(drain(box).numbers.length, 20_000);
      // 96 bytes each.
      else assert.ok(drain(box).numbers.length > 9500, `${drain(box).numbers.length} in memory`);
    }
    boxes.disk.close();
    spool.close();
  }));

Deno.test("whatever is added, sent, acknowledged and sent again: each packet once, in order, or counted as lost", () =>
  withSeed((random) =>
    withTempDir((folder) => {
      for (let round = 0; round < 60; round++) {
        const directory = `${folder}/${round}`;
        const spool = random.oneIn(2)
          ? undefined
          : new Spool(options(directory, 50_000 + random.below(3_000_000)));
        const frameMax = random.oneIn(2) ? 1000 : 2000;
        const books = { acknowledged: 0, bytes: 0, dropped: 0 };
        const box = new Outbox(SESSION, {
          queueBytes: random.below(3) * 100_000,
          recycles: true,
          now: () => 0,
          acknowledged: (packets, bytes) =>
            [books.acknowledged, books.bytes] = [books.acknowledged + packets, books.bytes + bytes],
          missing: () => assert.fail("nothing was damaged"),
          lost: (packets, reason) => {
            assert.equal(reason, "over-mtu");
            books.dropped += packets;
          },
        }, spool && SpoolSession.begin(spool, SESSION, 0));
        const taken: number[] = []; // number of the frame at each position, -1: refused
        let made = 0;
        const makers = [60, 700, 1400].map((length) =>
          new NumberedPackets(
            ({ blocks, count }) => {
              const reason = box.add(blocks, count);
              if (reason !== undefined) {
                box.lose(count, reason);
                books.dropped += count;
              }
              for (let at = 0; at < count; at++) taken.push(reason === undefined ? made + at : -1);
              made += count;
            },
            10,
            length,
          )
        );
        // What the collector has: positions below `have`; `bytes` of what is not lost.
        let [have, sent, bytesHad] = [0, 0, 0];
        const lengths: number[] = [];
        const cursor = new FrameCursor();
        const send = (times: number) => {
          for (; times > 0; times--) {
            const out = box.shift(frameMax);
            if (out === undefined) return;
            assert.equal(out.first, sent);
            if (out.bytes === undefined) {
              for (let at = 0; at < out.packets; at++) lengths[sent++] = 0;
              continue;
            }
            for (cursor.reset(out.bytes); cursor.next();) {
              const frame: Uint8Array = out.bytes.subarray(
                cursor.frameOffset,
                cursor.frameOffset + cursor.frameLength,
              );
              assert.equal(numberOf(frame), taken[sent]);
              lengths[sent++] = cursor.blockLength;
            }
            assert.equal(sent, out.first + out.packets);
          }
        };
        const acknowledge = (upTo: number) => {
          for (; have < upTo; have++) bytesHad += lengths[have];
          box.acknowledge(have);
        };
        for (let step = 0; step < 200; step++) {
          const what = random.below(10);
          if (what < 5) {
            const maker = makers[random.below(3)];
            maker.count = made;
            maker.make(1 + random.below(random.oneIn(10) ? 1000 : 20));
          } else if (what < 8) send(1 + random.below(4));
          else if (what < 9) acknowledge(have + random.below(sent - have + 1));
          else {
            box.rewind();
            sent = have;
          }
        }
        send(Infinity);
        acknowledge(sent);
        assert.equal(sent, made);
        assert.ok(box.isEmpty && box.isSent);
        assert.equal(box.memoryBytes, 0);
        assert.equal(books.acknowledged + books.dropped, made);
        assert.equal(books.bytes, bytesHad);
        box.close();
        spool?.close();
      }
    })
  ));

Deno.test("a segment of another version, one that is none and one that cannot be read are kept aside, the rest is sent", () =>
  withTempDir((directory) => {
    const spool = new Spool(options(directory));
    const box = outbox(spool);
    const { packets } = filler(box);
    packets.make(100);
    box.close();
    spool.close();
    const path = (number: number) => `${directory}/${SESSION}-${String(number).padStart(10, "0")}.pcapng`;
    const newer = Deno.readFileSync(path(0));
    const magic = newer.findIndex((_, at) => new TextDecoder().decode(newer.subarray(at, at + 4)) === "SSLC");
    new DataView(newer.buffer).setUint16(magic + 6, 2, true);
    Deno.writeFileSync(path(1), newer);
    Deno.writeTextFileSync(path(2), "something else entirely, of no use");
    Deno.mkdirSync(path(3));
    Deno.writeFileSync(path(4), new Uint8Array(0));
    const warnings: string[] = [];
    const again = new Spool({ ...options(directory), warn: (line) => warnings.push(line) });
    assert.equal(warnings.length, 3, warnings.join("\n"));
    for (
      const [at, why] of [/no packets that this version can read/, /no pcapng stream/, /Is a directory/]
        .entries()
    ) {
      assert.match(warnings[at], why);
      assert.match(warnings[at], /the file is kept as .*\.bad$/);
    }
    assert.deepEqual(Deno.readFileSync(`${path(1)}.bad`), newer);
    const recovered = outbox(again, 0, again.recovered[0]);
    assert.equal(drain(recovered).numbers.length, 100);
    recovered.acknowledge(100);
    recovered.close();
    again.close();
    assert.deepEqual(
      [...Deno.readDirSync(directory)].map(({ name }) => name).filter((name) => !name.endsWith(".bad")),
      ["lock"],
    );
    const third = new Spool({ ...options(directory), warn: (line) => warnings.push(line) });
    assert.deepEqual([third.recovered.length, warnings.length], [0, 3]);
    third.close();
  }));

Deno.test("one agent at a time has a spool", () =>
  withTempDir((directory) => {
    const spool = new Spool(options(directory));
    assert.throws(
      () => new Spool(options(directory)),
      /cannot use the spool directory .*: another process has it/,
    );
    spool.close();
    new Spool(options(directory)).close();
  }));

Deno.test({
  name: "segments open in tshark",
  ...skipIf(missing("tshark")),
  fn: () =>
    withTempDir(async (directory) => {
      const spool = new Spool(options(directory));
      const box = outbox(spool);
      filler(box).packets.make(12);
      const rows = await runOk("tshark", "-r", `${directory}/${SESSION}-0000000000.pcapng`, "-Y", "tcp");
      assert.equal(rows.trim().split("\n").length, 12);
      box.close();
      spool.close();
    }),
});

Deno.test("segments of version 0.1.0 are read: positions and packets, without checksums", () =>
  withTempDir((directory) => {
    const blocks = (first: number, count: number) => {
      let all = new Uint8Array(0);
      const packets = new NumberedPackets(({ blocks }) => all = blocks.slice(), 10, 100);
      packets.count = first;
      packets.make(count);
      return all;
    };
    const position = (next: number, reason = "") => linkBlock({ kind: "position", next, reason });
    const head = linkHead("sslcollector 0.1.0", "spool");
    const segments = [
      [head, position(40), blocks(40, 10), position(55, "queue-full"), blocks(55, 5)],
      [head, position(60), blocks(60, 10), position(75), blocks(75, 5).subarray(0, 300)],
    ];
    for (const [at, segment] of segments.entries()) {
      const name = `${SESSION}-000000000${at + 3}.pcapng`;
      for (const bytes of segment) Deno.writeFileSync(`${directory}/${name}`, bytes, { append: true });
    }
    const spool = new Spool(options(directory));
    const box = outbox(spool, 0, spool.recovered[0]);
    assert.equal(box.first, 40);
    box.rewind();
    const told: [number, number, string][] = [];
    for (let out = box.shift(65_553); out !== undefined; out = box.shift(65_553)) {
      told.push([out.first, out.packets, out.reason]);
    }
    assert.deepEqual(told, [
      [40, 10, ""],
      [50, 5, "queue-full"],
      [55, 5, ""],
      [60, 10, ""],
      [70, 5, "spool-failed"],
      [75, 2, ""],
    ]);
    box.close();
    spool.close();
  }));
