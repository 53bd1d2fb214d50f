// SPDX-License-Identifier: MIT
/**
 * What one flow can make the codec hold: the bound on waiting exchanges, by its own account and by that of V8, whatever the
 * peers leave unfinished.
 */
import assert from "node:assert/strict";
import type { CodecOutput, Direction } from "../../../codecs/codec.ts";
import { BytePool } from "../../../codecs/http1/byte_pool.ts";
import { ByteWriter } from "../../../codecs/http1/byte_writer.ts";
import { Message } from "../../../codecs/http1/message.ts";
import { MessageWriter } from "../../../codecs/http1/message_writer.ts";
import { Http2Connection, newSharedByConnections } from "../../../codecs/http2/connection.ts";
import { Exchanges } from "../../../codecs/http2to1/exchanges.ts";
import { type Http2To1Options, resolveOptions } from "../../../codecs/http2to1/options.ts";
import { usedBytes } from "../../support/heap.ts";
import { CONNECTION_PREFACE } from "../../../codecs/http2/frame.ts";
import {
  block,
  bytesOf,
  clientStart,
  data,
  END_STREAM,
  headers,
  hpackInteger,
  join,
  literal,
  pushPromise,
  request,
  reset,
  response,
  serverStart,
  settings,
  settingsAck,
} from "../../support/http2_frames.ts";

const MIB = 1024 * 1024;

/** Takes everything and keeps nothing. */
class NullOutput implements CodecOutput {
  readonly counts = new Map<string, number>();
  lanes = 0;
  write(): void {}
  gap(): void {}
  openLane(): number {
    return ++this.lanes;
  }
  close(): void {}
  comment(): void {}
  count(reason: string, amount = 1): void {
    this.counts.set(reason, (this.counts.get(reason) ?? 0) + amount);
  }
}

/** One flow with its account in sight. */
class Flow {
  readonly output = new NullOutput();
  readonly exchanges: Exchanges;
  readonly connection: Http2Connection<unknown>;
  mostHeldBytes = 0;
  fedBytes = 0;
  #timeNs = 0;

  constructor(options: Http2To1Options) {
    const resolved = resolveOptions(options);
    const scratch = { head: new ByteWriter(), writer: new MessageWriter() };
    this.exchanges = new Exchanges(this.output, resolved, scratch);
    this.connection = new Http2Connection(this.exchanges, newSharedByConnections(), resolved, false);
    this.data(0, clientStart()).data(1, serverStart());
  }

  data(direction: Direction, bytes: Uint8Array): this {
    this.fedBytes += bytes.length;
    this.connection.data(direction, bytes);
    return this.#advance();
  }

  gap(direction: Direction, lengthBytes: number): this {
    this.connection.gap(direction, lengthBytes);
    return this.#advance();
  }

  tick(ns: number): this {
    this.#timeNs += ns;
    return this.#advance();
  }

  #advance(): this {
    const { lanes } = this.exchanges;
    this.exchanges.timeNs = this.#timeNs;
    lanes.flush();
    lanes.age(this.#timeNs);
    this.mostHeldBytes = Math.max(this.mostHeldBytes, lanes.heldBytes);
    return this;
  }
}

const TEXT = "abcdefgh".repeat(2000);
const PIECE = bytesOf(TEXT);
const OPEN = 0;
/** Header blocks, made once. */
const GET = block(request("GET", "/"));
const GET_LONG = block(request("GET", `/${TEXT}`));
const POST = block(request("POST", "/"));
const OK = block(response(200));
const HINTS = block(response(103, ["link", TEXT]));
const LONG_TRAILER = block([["a", TEXT]]);
const CONNECT = block([[":method", "CONNECT"], [":authority", "example.test:443"]]);
const LONG_PROTOCOL = block([
  [":method", "CONNECT"],
  [":protocol", TEXT],
  [":scheme", "https"],
  [":path", "/"],
  [":authority", "example.test"],
]);

/** Each leaves things unfinished on so many streams. */
const UNFINISHED: Record<string, (flow: Flow, streams: readonly number[]) => void> = {
  "responses that never end": (flow, streams) => {
    for (const id of streams) {
      flow.data(0, headers(id, GET, END_STREAM)).data(1, headers(id, OK));
      for (let piece = 0; piece < 3; piece++) flow.data(1, data(id, PIECE));
    }
  },
  "requests that are never answered": (flow, streams) => {
    for (const id of streams) flow.data(0, headers(id, GET_LONG, END_STREAM));
  },
  "requests that never end": (flow, streams) => {
    for (const id of streams) flow.data(0, headers(id, POST, OPEN)).data(0, data(id, PIECE));
  },
  "trailers of requests that are never answered": (flow, streams) => {
    for (const id of streams) {
      flow.data(0, headers(id, POST, OPEN)).data(0, headers(id, LONG_TRAILER, END_STREAM));
    }
  },
  "promises that are never kept": (flow, streams) => {
    flow.data(0, headers(1, GET, END_STREAM));
    for (const id of streams) flow.data(1, pushPromise(1, id + 1, GET_LONG));
  },
  "interim responses to exchanges on their lanes": (flow, streams) => {
    for (const id of streams) flow.data(0, headers(id, GET, END_STREAM)).tick(0.1e9);
    for (let times = 0; times < 4; times++) for (const id of streams) flow.data(1, headers(id, HINTS));
  },
  "tunnels that are never accepted": (flow, streams) => {
    for (const id of streams) {
      flow.data(0, headers(id, CONNECT, OPEN));
      for (let piece = 0; piece < 5; piece++) flow.data(0, data(id, PIECE));
    }
    for (let byte = 0; byte < 50_000; byte++) flow.data(0, data(streams[streams.length - 1], "x"));
  },
  "upgrades to protocols with long names": (flow, streams) => {
    for (const id of streams) flow.data(0, headers(id, LONG_PROTOCOL, OPEN));
  },
  "requests that are reset": (flow, streams) => {
    for (const id of streams) flow.data(0, headers(id, GET_LONG, END_STREAM)).data(0, reset(id));
  },
  "bodies full of gaps": (flow, streams) => {
    for (const id of streams.slice(0, 50)) {
      flow.data(0, headers(id, GET, END_STREAM)).data(1, headers(id, OK));
      const frame = data(id, "0123456789");
      for (let piece = 0; piece < 1000; piece++) {
        flow.data(1, frame.subarray(0, 10)).gap(1, 8).data(1, frame.subarray(18));
      }
    }
  },
};

/** The one exchange that was the last to get a lane, and waits there for its response. */
const LAST_BYTES = 128 * 1024;
/** What {@linkcode DEFAULT_LIMITS} calls the bookkeeping of a stream, and how much more everything may take. */
const STREAM_BYTES = 1024;
const TOLERANCE = 1.25;
/** The tables of both directions, and what the test itself holds. */
const FIXED_BYTES = 2 * MIB;

/** Feeds a flow and fails when it holds more than it may. */
function checkBound(name: string, options: Http2To1Options, streams: number): Flow {
  const { maxWaitingBytes, maxStreams } = resolveOptions(options);
  // Once before: what the first flow of a kind makes V8 keep is not the flow's.
  UNFINISHED[name](new Flow(options), [1, 3, 5]);
  const before = usedBytes();
  const flow = new Flow(options);
  UNFINISHED[name](flow, Array.from({ length: streams }, (_, i) => 1 + 2 * i));
  const taken = usedBytes() - before;
  const allowed = TOLERANCE * (maxWaitingBytes + maxStreams * STREAM_BYTES) + FIXED_BYTES;
  assert.ok(
    flow.mostHeldBytes <= maxWaitingBytes + LAST_BYTES,
    `${name}: held ${flow.mostHeldBytes} by its own account`,
  );
  assert.ok(taken <= allowed, `${name}: ${(taken / MIB).toFixed(1)} MiB taken`);
  return flow;
}

const SMALL: Http2To1Options = { maxWaitingBytes: 2 * MIB, maxStreams: 1024 };

for (const name of Object.keys(UNFINISHED)) {
  Deno.test(`2 MiB of waiting exchanges, as set: ${name}`, () => {
    const flow = checkBound(name, SMALL, 1000);
    const told = ["exchange-over-bound", "tunnel-over-bound-bytes", "body-gap-bytes", "folded-request"];
    assert.ok(told.some((reason) => flow.output.counts.has(reason)), JSON.stringify([...flow.output.counts]));
    assert.ok(flow.output.lanes <= 256 + 1);
  });
}

Deno.test("16 MiB of waiting exchanges unless set: 60 MB of responses that never end", () => {
  const flow = checkBound("responses that never end", {}, 1250);
  assert.ok(flow.fedBytes > 60e6);
  // The oldest got lanes, then some were cut off and told.
  assert.equal(flow.output.lanes, 256);
  assert.ok(flow.output.counts.get("exchange-over-bound")! > 500);
  assert.ok(flow.mostHeldBytes > 15 * MIB);
});

/** Blocks that fill a table of so many bytes with fields of such values. */
function filling(tableBytes: number, valueBytes: number): Uint8Array[] {
  const sizeUpdate = Uint8Array.from(hpackInteger(tableBytes, 5, 0x20));
  const count = Math.ceil(tableBytes / (32 + 4 + valueBytes));
  const fields = Array.from(
    { length: count },
    (_, i) => literal(`x${100 + i % 900}`, "v".repeat(valueBytes), true),
  );
  return [sizeUpdate, ...fields];
}

const FLOWS = 50;

/** What a flow may hold with two tables of so many bytes. */
const AT_REST = [[4096, 64 * 1024], [65536, 256 * 1024]] as const;
const FILLED = AT_REST.flatMap((row) =>
  [0, 20, 200, 4000].map((valueBytes) => [...row, valueBytes] as const)
);

for (const [tableBytes, mostBytes, valueBytes] of FILLED) {
  const what = `${mostBytes >> 10} KiB with tables of ${
    tableBytes >> 10
  } KiB full of values of ${valueBytes} B`;
  Deno.test(`an open flow at rest holds at most ${what}`, () => {
    const resolved = resolveOptions({});
    const scratch = {
      connections: newSharedByConnections(),
      head: new ByteWriter(),
      writer: new MessageWriter(),
    };
    const [sizeUpdate, ...fields] = filling(tableBytes, valueBytes);
    const open = () => {
      const exchanges = new Exchanges(new NullOutput(), resolved, scratch);
      const connection = new Http2Connection(exchanges, scratch.connections, resolved, false);
      connection.data(0, join(CONNECTION_PREFACE, settings([1, tableBytes])));
      connection.data(1, join(settings([1, tableBytes]), settingsAck()));
      connection.data(0, settingsAck());
      for (const [index, field] of fields.entries()) {
        const id = 1 + 2 * index;
        const before = index === 0 ? sizeUpdate : new Uint8Array();
        connection.data(0, headers(id, join(before, GET, field), END_STREAM));
        connection.data(1, headers(id, join(before, OK, field), END_STREAM));
        exchanges.lanes.flush();
      }
      for (const { decoder } of connection.halves) {
        assert.ok(decoder.table.complete && decoder.table.sizeBytes + 32 + 4 + valueBytes > tableBytes);
      }
      assert.equal(exchanges.lanes.heldBytes, 0);
      return connection;
    };
    open();
    const before = usedBytes();
    const flows = Array.from({ length: FLOWS }, open);
    const taken = (usedBytes() - before) / flows.length;
    assert.ok(taken <= mostBytes, `${(taken / 1024).toFixed(1)} KiB`);
  });
}

Deno.test("a body's buffer grows once, to the declared length, where what has come makes that likely", () => {
  const rooms = (declaredLength: number) => {
    const message = new Message(1);
    message.facts.declaredLength = declaredLength;
    const pool = new BytePool();
    return Array.from({ length: 4 }, () => {
      message.append(PIECE, 0, PIECE.length, pool);
      return message.body.length;
    });
  };
  assert.deepEqual(rooms(200_000), [16_000, 200_000, 200_000, 200_000]);
  assert.deepEqual(rooms(16 * 16_000), [16_000, 256_000, 256_000, 256_000]);
  assert.deepEqual(rooms(16 * 16_000 + 1), [16_000, 32_000, 256_001, 256_001]);
  // A claim that is far off, one that was exceeded, and none.
  for (const claim of [1e9, 20_000, -1]) assert.deepEqual(rooms(claim), [16_000, 32_000, 64_000, 64_000]);
});
