// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import type { CaptureGap } from "../../../../net/capture/target.ts";
import { HELD_BYTES_MAX } from "../../../../net/capture/preload/held_flows.ts";
import { RingReader } from "../../../../net/capture/preload/ring_reader.ts";
import {
  DATA_MAX,
  dataStart,
  KIND,
  PAGE,
  RING,
  SLOT,
  SLOTS_MAX,
  UNIT,
} from "../../../../net/capture/record/layout.ts";
import { encodeOpen, openFlags } from "../../../../net/capture/recording/record_writer.ts";
import { CaptureLog } from "../../../support/capture_log.ts";
import { FlowWriter, type Geometry, RingWriter } from "../../../support/ring_writer.ts";
import { seededRandom } from "../../../support/random.ts";
import { OPEN_EXAMPLE } from "../../../support/capture_examples.ts";

const BASE_NS = 1_700_000_000_123_456_789n;
const PROGRAM = { id: 1, pid: 42, uid: 1000, comm: "tester" };
const ALL = { records: Infinity, bytes: Infinity };
const NOW = { nowNs: 3600e9, floorNs: 0 };

function readerOf(memory: ArrayBuffer, slotCapacity: number, dataBytes: number): RingReader {
  return new RingReader(memory, { slotCapacity, timeBaseNs: BASE_NS, dataBytes });
}

function setUp(slotCapacity = 64, dataCapacity = PAGE, granted = dataCapacity) {
  const geometry: Geometry = {
    ringCount: 1,
    slotCapacity,
    dataCapacity,
    initialData: granted,
    initialSlots: slotCapacity,
  };
  const memory = new ArrayBuffer(dataStart(slotCapacity) + dataCapacity);
  const writer = new RingWriter(memory, geometry, 42);
  const reader = readerOf(memory, slotCapacity, dataCapacity);
  const log = new CaptureLog();
  const read = (times = NOW, limits = ALL) => reader.read(log, PROGRAM, limits, times);
  return { geometry, memory, writer, reader, log, read };
}

function data(text: string, more: object = {}) {
  return { kind: KIND.data, payload: new TextEncoder().encode(text), timeNs: BASE_NS + 5n, ...more };
}

Deno.test("records of every kind arrive as they were written", () => {
  const { writer, log, read } = setUp();
  const [toServer, toClient] = OPEN_EXAMPLE.offsets;
  assert(writer.write({
    kind: KIND.open,
    flow: 7,
    flags: openFlags(OPEN_EXAMPLE),
    offset: toServer,
    amount: toClient,
    payload: encodeOpen(OPEN_EXAMPLE),
    timeNs: BASE_NS + 1n,
  }));
  assert(
    writer.write(data("hello", { flow: 7, direction: 1, offset: 2 ** 51, timeNs: BASE_NS + 2n ** 50n })),
  );
  assert(writer.write({ kind: KIND.gap, flow: 7, offset: 9, amount: 2 ** 33, timeNs: BASE_NS }));
  assert(writer.write({ kind: KIND.gap, flow: 7, amount: 1, flags: 32, timeNs: BASE_NS }));
  assert(writer.write({ kind: KIND.close, flow: 7, flags: 8 }));
  assert(writer.write({ kind: KIND.close, flow: 8, flags: 0 }));
  assert.equal(read({ nowNs: 2 ** 51, floorNs: 0 }), 6);
  const time = 2 ** 50;
  assert.deepEqual(log.calls.map((call) => call.filter((argument) => argument !== PROGRAM)).slice(0, 4), [
    ["open", 7, { ...OPEN_EXAMPLE, pid: 42, uid: 1000 }, 1],
    ["data", 7, 1, 2 ** 51, new TextEncoder().encode("hello"), time],
    ["gap", 7, { direction: 0, offset: 9, length: 2 ** 33, reason: "ring-full" }, time],
    ["gap", 7, { direction: 0, offset: 0, length: 1, reason: "sendfile" }, time],
  ]);
  assert.deepEqual(log.of("close").map((call) => call.slice(2, 4)), [[7, "orderly"], [8, "abrupt"]]);
  assert.equal(writer.outstanding, 0);
});

Deno.test("whatever fits comes out, in order, through many laps, rewinds and changes of the grant", () => {
  const random = seededRandom("ring laps");
  for (let run = 0; run < 40; run++) {
    const { writer, reader, read, log, geometry } = setUp(3 + random.below(30), PAGE + 64 * random.below(64));
    const expected: [number, Uint8Array][] = [];
    let written = 0;
    for (let step = 0; step < 2000; step++) {
      if (random.oneIn(50)) {
        reader.header.grant(
          64 * (1 + random.below(geometry.dataCapacity / 64)),
          2 + random.below(geometry.slotCapacity - 1),
        );
      }
      const payload = random.bytes(random.oneIn(5) ? 0 : random.below(random.oneIn(8) ? 1500 : 130));
      const record = payload.length === 0
        ? { kind: KIND.gap, offset: written, amount: 1 }
        : { kind: KIND.data, offset: written, payload };
      if (writer.write(record)) expected.push([written++, payload]);
      if (random.oneIn(6)) read(NOW, { records: 1 + random.below(20), bytes: 1 + random.below(4000) });
      assert.equal(reader.retired, undefined);
    }
    reader.header.grant(geometry.dataCapacity, geometry.slotCapacity);
    while (read() > 0);
    const seen = log.calls.map((call) =>
      call[0] === "gap" ? [(call[3] as CaptureGap).offset, new Uint8Array(0)] : [call[4], call[5]]
    ) as unknown[];
    assert.deepEqual(seen, expected);
    assert(expected.length > 500);
    assert.equal(writer.outstanding, 0);
    assert.equal(reader.fill(geometry.dataCapacity, geometry.slotCapacity), 0);
  }
});

Deno.test("sequence numbers wrap", () => {
  const { memory, writer, log } = setUp();
  const words = new BigUint64Array(memory, 0, PAGE >> 3);
  words[RING.head >> 3] = words[RING.tail >> 3] = 0x1fff_fffan;
  const options = { slotCapacity: 64, timeBaseNs: BASE_NS, dataBytes: PAGE, isRecycled: true };
  const reader = new RingReader(memory, options);
  for (let i = 0; i < 30; i++) {
    assert(writer.write(data(`record ${i}`)));
    if (i % 3 === 2) reader.read(log, PROGRAM, ALL, NOW);
  }
  assert.equal(reader.retired, undefined);
  assert.deepEqual(
    log.calls.map((call) => new TextDecoder().decode(call[5] as Uint8Array)),
    Array.from({ length: 30 }, (_, i) => `record ${i}`),
  );
  assert.equal(writer.outstanding, 0);
});

Deno.test("places of all slots and of all units come back as they were", () => {
  for (const slots of [7, 8, 9, 8191, 8192, 20_000, SLOTS_MAX]) {
    const { writer, reader, log, geometry } = setUp(SLOTS_MAX, DATA_MAX - UNIT);
    for (let i = 0; i < slots; i++) assert(writer.write(data("x", { flow: 1 + i % 8 })));
    assert.equal(reader.outstanding, slots);
    assert.equal(reader.fill(geometry.dataCapacity, geometry.slotCapacity), slots / SLOTS_MAX);
    assert.equal(reader.read(log, PROGRAM, { records: slots - 1, bytes: Infinity }, NOW), slots - 1);
    // The tail is all that another reader has to go on from.
    const next = readerOf(writer.view.buffer as ArrayBuffer, SLOTS_MAX, geometry.dataCapacity);
    assert.equal(next.read(log, PROGRAM, ALL, NOW), 1);
    assert.equal(next.retired, undefined);
    assert.equal(writer.outstanding, 0);
  }
});

Deno.test("a record that is begun holds up what follows until it is finished", () => {
  const { writer, reader, log, read } = setUp();
  writer.write(data("a"));
  const place = writer.reserve(1)!;
  writer.write(data("c"));
  assert.equal(read(), 1);
  assert.equal(reader.ready, false);
  assert.equal(reader.outstanding, 2);
  writer.publish(place, data("b"));
  assert.equal(reader.ready, true);
  assert.equal(read(), 2);
  assert.deepEqual(log.calls.map((call) => String.fromCharCode(...call[5] as Uint8Array)), ["a", "b", "c"]);
});

Deno.test("holes of a dead process are read past and counted", () => {
  const random = seededRandom("holes");
  for (let run = 0; run < 100; run++) {
    const { writer, reader, log, read } = setUp(32, PAGE);
    const laps = random.below(200);
    for (let i = 0; i < laps; i++) {
      writer.write(data("x".repeat(random.below(300)) || "y"));
      if (random.oneIn(3)) read();
    }
    read();
    const before = log.calls.length;
    const finished: string[] = [];
    let holes = 0;
    for (let i = 0; i < 12; i++) {
      const text = `${i}:${"z".repeat(random.below(200))}`;
      const place = writer.reserve(text.length);
      if (place === undefined) break;
      if (random.oneIn(3)) {
        holes++;
      } else {
        writer.publish(place, data(text));
        finished.push(text);
      }
    }
    do read(); while (reader.skipHole());
    assert.equal(reader.retired, undefined);
    assert.equal(reader.holes, holes);
    assert.deepEqual(
      log.calls.slice(before).map((call) => new TextDecoder().decode(call[5] as Uint8Array)),
      finished,
    );
    assert.equal(reader.outstanding, 0);
  }
});

Deno.test("times never go back, and do not run ahead of the clock", () => {
  const { writer, log, read } = setUp();
  for (const timeNs of [10n, 5n, 2n ** 62n - BASE_NS, 20n, -1n - BASE_NS]) {
    assert(writer.write(data("x", { timeNs: BigInt.asUintN(64, BASE_NS + timeNs) })));
  }
  read({ nowNs: 1e9, floorNs: 7 });
  assert.deepEqual(log.calls.map((call) => call[6]), [10, 10, 2e9, 2e9, 2e9]);
});

const IMPOSSIBLE: [string, RegExp, (view: DataView, slot: number) => void][] = [
  ["unaligned", /not aligned/, (view, slot) => view.setUint32(slot + SLOT.position, 1, true)],
  ["outside", /outside what was granted/, (view, slot) => view.setUint32(slot + SLOT.length, DATA_MAX, true)],
  [
    "wrapping length",
    /outside what was/,
    (view, slot) => view.setUint32(slot + SLOT.length, 0xffff_ffff, true),
  ],
  ["misplaced", /out of order/, (view, slot) => view.setUint32(slot + SLOT.position, 2 * UNIT, true)],
  ["kind", /unknown kind 7/, (view, slot) => view.setUint8(slot + SLOT.kind, 7)],
  ["passage", /out of the ring/, (view, slot) => {
    view.setUint8(slot + SLOT.kind, KIND.skip);
    view.setUint32(slot + SLOT.amount, 65, true);
  }],
  ["direction", /direction 2/, (view, slot) => view.setUint8(slot + SLOT.direction, 2)],
  ["flow", /flow id/, (view, slot) => view.setUint32(slot + SLOT.flow + 4, 0x10_0000, true)],
  ["no flow", /no flow/, (view, slot) => view.setUint32(slot + SLOT.flow, 0, true)],
  ["offset", /offset/, (view, slot) => view.setUint32(slot + SLOT.offset + 4, 0xffff_ffff, true)],
  ["open", /too short/, (view, slot) => view.setUint8(slot + SLOT.kind, KIND.open)],
  ["hello", /too short/, (view, slot) => view.setUint8(slot + SLOT.kind, KIND.hello)],
  ["gap", /length of a gap/, (view, slot) => view.setUint8(slot + SLOT.kind, KIND.gap)],
];

for (const [name, reason, spoil] of IMPOSSIBLE) {
  Deno.test(`an impossible value retires the ring: ${name}`, () => {
    const { writer, reader, log, read } = setUp();
    writer.write(data("good"));
    const place = writer.reserve(5)!;
    writer.publish(place, data("wrong"));
    writer.write(data("after"));
    spoil(writer.view, PAGE + place.slot * SLOT.size);
    read();
    assert.match(reader.retired!, reason);
    assert.equal(log.calls.length, 1);
    assert(writer.retired);
    assert.equal(read(), 0);
  });
}

Deno.test("a head that is further ahead than there are slots retires the ring", () => {
  const { writer, reader, read } = setUp();
  writer.write(data("good"));
  writer.words[RING.head >> 2] = 1000;
  assert.equal(read(), 0);
  assert.match(reader.retired!, /1000 records ahead/);
});

Deno.test("too many open flows retire the ring; closed ones do not count", () => {
  const { writer, reader, read } = setUp();
  for (let flow = 1; flow < 100_000; flow++) {
    assert(writer.write(data("x", { flow })));
    assert(writer.write({ kind: KIND.close, flow }));
    read();
  }
  assert.equal(reader.retired, undefined);
  for (let flow = 1; reader.retired === undefined; flow++) {
    assert(flow <= 65_537);
    writer.write(data("x", { flow }));
    read();
  }
  assert.match(reader.retired!, /65536 flows/);
});

Deno.test("rubbish in any word never throws, hangs or reads outside", () => {
  const random = seededRandom("ring rubbish");
  for (let run = 0; run < 3000; run++) {
    const { writer, reader, log, read } = setUp(16, PAGE);
    for (let i = 0; i < 40; i++) {
      try {
        writer.write(
          random.oneIn(4) ? { kind: KIND.open, payload: encodeOpen(OPEN_EXAMPLE) } : data("some data"),
        );
      } catch (error) {
        // The writer believes its own rubbish; only the reader must not.
        assert(error instanceof RangeError);
      }
      if (random.oneIn(4)) read();
      if (random.oneIn(10)) {
        const at = random.oneIn(2) ? 64 + random.below(192) : PAGE + random.below(16 * 64);
        writer.words[at >> 2] = random.oneIn(2) ? random.below(2 ** 32) : random.below(70);
      }
      if (random.oneIn(200)) writer.bytes.set(random.bytes(PAGE), PAGE);
    }
    for (let i = 0; i < 100 && (read() > 0 || reader.skipHole()); i++);
    reader.fill(PAGE, 16);
    for (const call of log.of("data")) assert((call[5] as Uint8Array).length <= PAGE);
  }
});

const OPEN_FLOW = encodeOpen({ ...OPEN_EXAMPLE, offsets: [0, 0] });
const textOf = (call: unknown[]) => new TextDecoder().decode(call[5] as Uint8Array);

Deno.test("memory is given back under producers: nothing is lost, doubled or out of order", () => {
  const random = seededRandom("giving back");
  for (let run = 0; run < 200; run++) {
    const { writer, reader, log, read } = setUp(128, 16 * PAGE);
    const expected: string[] = [];
    for (let step = 0; step < 60; step++) {
      const text = `${step}:${"x".repeat(random.below(2000))}`;
      if (writer.write(data(text, { offset: 0 }))) expected.push(text);
      if (random.oneIn(3)) { while (read() > 0); }
      if (!random.oneIn(4)) continue;
      const wasEmpty = reader.outstanding === 0;
      const [slots, units] = [64, 16 * (1 + random.below(8))];
      assert.equal(reader.beginGivingBack(slots, units), wasEmpty);
      if (!wasEmpty) continue;
      // Whatever comes meanwhile lies where nothing is freed.
      for (let i = 0; i < random.below(4); i++) {
        const text = `meanwhile ${step} ${i}`;
        const place = writer.reserve(text.length)!;
        assert(place.slot >= slots && place.position >= units * UNIT, `${place.slot}, ${place.position}`);
        writer.publish(place, data(text));
        expected.push(text);
      }
      writer.bytes.fill(0, PAGE + 64 * SLOT.size, PAGE + slots * SLOT.size);
      writer.bytes.fill(0, dataStart(128), dataStart(128) + units * UNIT);
      reader.endGivingBack(slots, units);
    }
    while (read() > 0);
    assert.equal(reader.retired, undefined);
    assert.deepEqual(log.of("data").map(textOf), expected);
    assert.equal(writer.outstanding, 0);
  }
});

Deno.test("a producer that was faster than a reader that gives memory back is read, whichever tail it knew", () => {
  for (const knewOldTail of [true, false]) {
    const { writer, reader, log, read, memory } = setUp();
    const tail = new BigInt64Array(memory, RING.tail, 1);
    writer.write(data("before"));
    // Who knows this one does not know that the ring is empty.
    const oldTail = Atomics.load(tail, 0);
    read();
    const swap = Atomics.compareExchange;
    const overtaken = () => {
      Atomics.compareExchange = swap;
      const newTail = Atomics.load(tail, 0);
      assert.notEqual(newTail, oldTail);
      if (knewOldTail) Atomics.store(tail, 0, oldTail);
      assert(writer.write(data("faster", { offset: 6 })));
      Atomics.store(tail, 0, newTail);
    };
    Atomics.compareExchange = ((...swapped: Parameters<typeof swap>) => {
      overtaken();
      return swap(...swapped);
    }) as typeof swap;
    try {
      assert(!reader.beginGivingBack(64 - 8, 8));
    } finally {
      Atomics.compareExchange = swap;
    }
    read();
    assert(writer.write(data("next", { offset: 12 })));
    read();
    assert.deepEqual(log.of("data").map(textOf), ["before", "faster", "next"], `${knewOldTail}`);
    assert.equal(writer.outstanding, 0);
  }
});

Deno.test("a reader that died while it gave memory back is no obstacle to the next", () => {
  const { writer, reader, log, read, memory } = setUp();
  writer.write(data("before"));
  read();
  assert(reader.beginGivingBack(64 - 8, 8));
  writer.write({ kind: KIND.open, flow: 1, flags: 64, payload: OPEN_FLOW, offset: 6 });
  writer.write(data("after", { offset: 6 }));
  const next = readerOf(memory, 64, PAGE);
  assert.equal(next.read(log, PROGRAM, ALL, NOW), 3);
  assert.equal(next.retired, undefined);
  assert.deepEqual(log.of("data").map(textOf), ["before", "after"]);
  assert(writer.write(data("more")));
  assert.equal(next.read(log, PROGRAM, ALL, NOW), 1);
});

Deno.test("a reader that takes over says so, and one that begins does not", () => {
  const { writer, memory, read } = setUp();
  assert.equal(writer.generation, 0);
  readerOf(memory, 64, PAGE);
  assert.equal(writer.generation, 0);
  writer.write(data("x"));
  read();
  readerOf(memory, 64, PAGE);
  assert.equal(writer.generation, 1);
  readerOf(memory, 64, PAGE);
  assert.equal(writer.generation, 2);
});

Deno.test("what was in the ring of a flow that is opened again comes behind its opening, from where it begins", () => {
  const { writer, log, read, memory } = setUp();
  writer.write({ kind: KIND.open, flow: 7, payload: OPEN_FLOW });
  writer.write(data("read by another", { flow: 7 }));
  read();
  writer.write(data("kept", { flow: 7, offset: 15 }));
  writer.write({ kind: KIND.gap, flow: 7, direction: 1, offset: 3, amount: 4 });
  writer.write(data("of nobody", { flow: 8 }));
  writer.write({ kind: KIND.close, flow: 8 });
  log.calls.length = 0;
  const next = readerOf(memory, 64, PAGE);
  next.read(log, PROGRAM, ALL, NOW);
  assert.deepEqual(log.calls.map((call) => [call[0], call[2]]), [["data", 8], ["close", 8]]);
  log.calls.length = 0;
  const again = { kind: KIND.open, flow: 7, flags: 64, payload: OPEN_FLOW, offset: 19, amount: 7 };
  writer.write(again);
  writer.write(data("new", { flow: 7, offset: 19 }));
  writer.write(again);
  next.read(log, PROGRAM, ALL, NOW);
  assert.deepEqual(log.calls.map((call) => call[0]), ["open", "data", "gap", "data"]);
  assert.deepEqual((log.calls[0][3] as { offsets: number[] }).offsets, [15, 3]);
  assert.deepEqual(log.of("data").map(textOf), ["kept", "new"]);
});

Deno.test("what is never opened again is told in the end, and what is kept of it is bounded", () => {
  const { writer, reader, memory, log, read } = setUp(64, 64 * PAGE);
  writer.write(data("x"));
  read();
  const next = readerOf(memory, 64, 64 * PAGE);
  const payload = new Uint8Array(60_000);
  let written = 0;
  for (; written * payload.length < 2 * HELD_BYTES_MAX; written++) {
    assert(writer.write({ kind: KIND.data, flow: 1 + written % 50, payload }));
    next.read(log, PROGRAM, ALL, NOW);
  }
  const told = log.of("data").length - 1;
  assert(told * payload.length >= HELD_BYTES_MAX && told < written);
  next.flows.releaseHeld(log, PROGRAM, next.timeNs);
  assert.equal(log.of("data").length - 1, written);
  assert.equal(reader.retired, undefined);
});

Deno.test("readers that die again and again lose nothing: every byte is told once, or counted", () => {
  const random = seededRandom("deaths of readers");
  for (let run = 0; run < 100; run++) {
    const { writer, memory, geometry } = setUp(64, 8 * PAGE);
    const flows = [1, 2, 3].map((flow) => new FlowWriter(writer, flow, OPEN_FLOW));
    /** Of each flow, the bytes that some reader told. */
    const told = [0, 0, 0];
    const at: (number | undefined)[] = [undefined, undefined, undefined];
    const target = new CaptureLog();
    let unknown = 0;
    let open = new Set<number>();
    target.open = (_program, flow, { offsets }) => {
      assert(!open.has(flow));
      open.add(flow);
      // What this reader goes on from was told by those before it.
      assert.equal(offsets[0], at[flow - 1] ?? 0);
      at[flow - 1] = offsets[0];
    };
    const add = (flow: number, offset: number, length: number) => {
      if (!open.has(flow)) unknown += length;
      assert.equal(offset, at[flow - 1] ?? 0);
      at[flow - 1] = offset + length;
      told[flow - 1] += length;
    };
    target.data = (_program, flow, _direction, offset, bytes) => add(flow, offset, bytes.length);
    target.gap = (_program, flow, { offset, length }) => add(flow, offset, length);
    let reader = readerOf(memory, 64, geometry.dataCapacity);
    for (let step = 0; step < 300; step++) {
      flows[random.below(3)].write(random.bytes(1 + random.below(3000)));
      if (random.oneIn(5)) {
        reader.read(target, PROGRAM, { records: 1 + random.below(30), bytes: Infinity }, NOW);
      }
      if (!random.oneIn(40)) continue;
      // A reader that dies has told all that it published; what it kept it would have told as of unknown flows.
      reader.flows.releaseHeld(target, PROGRAM, reader.timeNs);
      open = new Set();
      reader = readerOf(memory, 64, geometry.dataCapacity);
    }
    while (flows.some((flow) => !flow.flush())) reader.read(target, PROGRAM, ALL, NOW);
    while (reader.read(target, PROGRAM, ALL, NOW) > 0);
    reader.flows.releaseHeld(target, PROGRAM, reader.timeNs);
    assert.equal(reader.retired, undefined);
    assert.deepEqual(told, flows.map(({ offset }) => offset));
    const dropped = reader.header.counter(RING.droppedBytes);
    assert.equal(dropped, reader.header.counter(RING.gapBytes));
    assert(unknown <= told.reduce((sum, bytes) => sum + bytes));
  }
});

Deno.test("a program that tells of more lost bytes than it can have had is not believed", () => {
  for (
    const record of [
      { kind: KIND.gap, amount: 2 ** 50 },
      { kind: KIND.data, offset: 2 ** 50, payload: new Uint8Array(1) },
    ]
  ) {
    const { memory, writer, log } = setUp();
    const options = { slotCapacity: 64, timeBaseNs: BASE_NS, dataBytes: PAGE };
    const reader = new RingReader(memory, { ...options, admitsLoss: (bytes) => bytes < 2 ** 40 });
    writer.write(data("x"));
    writer.write(record);
    reader.read(log, PROGRAM, ALL, NOW);
    assert.match(reader.retired!, /more bytes than its process can have passed/);
    assert.equal(log.calls.length, 1);
  }
});
