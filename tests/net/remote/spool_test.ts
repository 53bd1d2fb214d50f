import assert from "node:assert/strict";
import { Outbox } from "../../../net/remote/outbox.ts";
import { Spool, SpoolSession } from "../../../net/remote/spool.ts";
import { FrameCursor } from "../../../net/packet_batch.ts";
import { NumberedPackets, numberOf } from "../../support/link_packets.ts";
import { missing, runOk, withTempDir } from "../../support/run.ts";
import { withSeed } from "../../support/random.ts";

const SESSION = "00112233445566778899aabbccddeeff";

function options(directory: string, maxBytes = 1 << 30) {
  return { directory, maxBytes, application: "test" };
}

function outbox(spool: Spool, queueBytes = 1 << 20, recovered?: SpoolSession): Outbox {
  const session = recovered ?? SpoolSession.begin(spool, SESSION, 0);
  return new Outbox(session.session, { queueBytes, now: () => 0, acknowledged: () => {} }, session);
}

/** Fills and loses as a sink does. */
function filler(box: Outbox, frameLength = 1000): { packets: NumberedPackets; refused: Map<string, number> } {
  const refused = new Map<string, number>();
  const packets = new NumberedPackets(
    ({ blocks, count }) => {
      const reason = box.take(blocks, count);
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
function drain(box: Outbox): { numbers: number[]; lost: Map<string, number> } {
  const numbers: number[] = [];
  const lost = new Map<string, number>();
  const cursor = new FrameCursor();
  box.rewind();
  for (let out = box.shift(); out !== undefined; out = box.shift()) {
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

Deno.test("a segment that is torn anywhere gives the whole packets before", () =>
  withSeed((random) =>
    withTempDir((directory) => {
      const spool = new Spool(options(directory));
      const box = outbox(spool);
      filler(box).packets.make(100);
      box.close();
      spool.close();
      const [name] = [...Deno.readDirSync(directory)].map(({ name }) => name).filter((name) =>
        name !== "lock"
      );
      const whole = Deno.readFileSync(`${directory}/${name}`);
      for (let round = 0; round < 50; round++) {
        const length = 300 + random.below(whole.length - 300);
        Deno.writeFileSync(`${directory}/${name}`, whole.subarray(0, length));
        const torn = new Spool(options(directory));
        const numbers = torn.recovered.length === 0 ? [] : drain(outbox(torn, 0, torn.recovered[0])).numbers;
        assert.deepEqual(numbers, Array.from({ length: numbers.length }, (_, number) => number));
        assert.ok(numbers.length >= Math.floor((length - 300) / 1036) && numbers.length <= length / 1032);
        torn.close();
      }
    })
  ));

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
  ignore: missing("tshark"),
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
