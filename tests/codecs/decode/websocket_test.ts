// SPDX-License-Identifier: MIT
/** Messages of WebSockets can be read where that is asked for: frames without mask and compression. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { constants, createDeflateRaw, deflateRawSync } from "node:zlib";
import { agreedDeflate } from "../../../codecs/decode/websocket.ts";
import { decode } from "../../../codecs/decode/codec.ts";
import { CodecHarness } from "../../support/codec_harness.ts";
import { latin1, message } from "../../support/encoded_bodies.ts";
import { Random } from "../../support/random.ts";

const codec = decode({ websocket: true });
const EXTENSIONS = "Sec-WebSocket-Extensions: permessage-deflate";
const FIN = 0x80, COMPRESSED = 0x40, TEXT = 1, CONTINUATION = 0, PING = 9;

function frame(first: number, payload: Uint8Array, mask?: readonly number[]): Uint8Array {
  const { length } = payload;
  const size = length < 126 ? [length] : length < 65_536 ? [126, length >> 8, length & 255] : undefined;
  if (size === undefined) throw new RangeError("a frame for tests is short");
  if (mask === undefined) return Buffer.concat([Buffer.of(first, ...size), payload]);
  size[0] |= 0x80;
  return Buffer.concat([Buffer.of(first, ...size, ...mask), payload.map((byte, i) => byte ^ mask[i & 3])]);
}

/** Compresses messages that refer to those before them. */
function compressor(): (text: string) => Promise<Uint8Array> {
  const stream = createDeflateRaw();
  const parts: Uint8Array[] = [];
  stream.on("data", (part: Uint8Array) => parts.push(part));
  return async (text) => {
    stream.write(latin1(text));
    await new Promise<void>((resolve) => stream.flush(constants.Z_SYNC_FLUSH, () => resolve()));
    const bytes = Buffer.concat(parts.splice(0));
    assert.deepEqual([...bytes.subarray(-4)], [0, 0, 0xff, 0xff]);
    return bytes.subarray(0, -4);
  };
}

const alone = (text: string) =>
  deflateRawSync(latin1(text), { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4);

function opened(extensions = EXTENSIONS, given = codec): CodecHarness {
  const upgrade = ["Upgrade: websocket", "Connection: Upgrade"];
  const flow = new CodecHarness(given).data(0, message(["GET /chat HTTP/1.1", ...upgrade, EXTENSIONS]));
  return flow.data(1, message(["HTTP/1.1 101 Switching Protocols", ...upgrade, extensions]));
}

const HEAD_END = "\r\n\r\n";
function tunnel(flow: CodecHarness, direction: 0 | 1): Uint8Array {
  const stream = flow.connections()[0].streams[direction];
  return stream.subarray(Buffer.from(stream).indexOf(HEAD_END) + HEAD_END.length);
}

/** Frames without mask: first byte and payload. */
function frames(bytes: Uint8Array): [first: number, payload: string][] {
  const read: [number, string][] = [];
  for (let at = 0; at < bytes.length;) {
    const [first, short] = bytes.subarray(at, at + 2);
    assert.ok(short < 127);
    const start = at + (short === 126 ? 4 : 2);
    const length = short === 126 ? bytes[at + 2] * 256 + bytes[at + 3] : short;
    at = start + length;
    assert.ok(at <= bytes.length);
    read.push([first, Buffer.from(bytes.subarray(start, at)).toString("latin1")]);
  }
  return read;
}

/** Texts of messages, joined from their frames; control frames are left out. */
function messages(bytes: Uint8Array): string[] {
  const read: string[] = [];
  let isOpen = false;
  for (const [first, payload] of frames(bytes)) {
    if ((first & 0x0f) > 7) continue;
    assert.equal((first & 0x0f) === CONTINUATION, isOpen);
    if (isOpen) read.push(read.pop() + payload);
    else read.push(payload);
    isOpen = (first & FIN) === 0;
  }
  assert.ok(!isOpen);
  return read;
}

const MASK = [1, 200, 3, 77];
const SAID = ["attack at dawn", "attack at dawn, or at dusk", "", "x".repeat(40_000)];

Deno.test("messages of both directions, in pieces of any size, with a context that goes on", async () => {
  for (const pieceBytes of [1, 100, Infinity]) {
    const flow = opened();
    for (const direction of [0, 1] as const) {
      const compress = compressor();
      const sent: Uint8Array[] = [];
      for (const text of SAID) {
        const mask = direction === 0 ? MASK : undefined;
        sent.push(frame(FIN | COMPRESSED | TEXT, await compress(text), mask));
      }
      const bytes = Buffer.concat(sent);
      for (let at = 0; at < bytes.length; at += pieceBytes) {
        flow.data(direction, bytes.subarray(at, at + pieceBytes));
      }
    }
    flow.end();
    for (const direction of [0, 1] as const) assert.deepEqual(messages(tunnel(flow, direction)), SAID);
    assert.equal(flow.counts.get("decoded-permessage-deflate"), 2 * SAID.length);
    const head = Buffer.from(flow.connections()[0].streams[1]).toString("latin1");
    assert.match(head, /\r\nx-sslcollector-decoded: permessage-deflate\r\n/);
    assert.doesNotMatch(head, /Sec-WebSocket-Extensions/);
  }
});

Deno.test("fragments, control frames between them, and messages without compression", () => {
  const payload = alone("a message in three parts");
  const flow = opened();
  flow.data(0, frame(COMPRESSED | TEXT, payload.subarray(0, 5), MASK));
  flow.data(0, frame(FIN | PING, latin1("still there?"), MASK));
  flow.data(0, frame(CONTINUATION, payload.subarray(5, 9), MASK));
  flow.data(0, frame(FIN | CONTINUATION, payload.subarray(9), MASK));
  flow.data(0, frame(FIN | TEXT, latin1("plain"), MASK)).end();
  const read = frames(tunnel(flow, 0));
  assert.ok(read.some(([first, text]) => first === (FIN | PING) && text === "still there?"));
  assert.deepEqual(messages(tunnel(flow, 0)), ["a message in three parts", "plain"]);
});

Deno.test("a small message is one frame, with the first byte it had but for the compression", () => {
  const flow = opened();
  flow.data(1, frame(FIN | COMPRESSED | 2, alone("binary"))).end();
  assert.deepEqual(frames(tunnel(flow, 1)), [[FIN | 2, "binary"]]);
});

Deno.test("what is no deflate goes on compressed, and so does what follows", () => {
  const rubbish = Buffer.alloc(200, 0xff);
  const next = alone("later");
  const flow = opened();
  flow.data(1, frame(FIN | COMPRESSED | TEXT, rubbish)).data(1, frame(FIN | COMPRESSED | TEXT, next)).end();
  assert.deepEqual(frames(tunnel(flow, 1)), [
    [FIN | COMPRESSED | TEXT, rubbish.toString("latin1")],
    [FIN | COMPRESSED | TEXT, Buffer.from(next).toString("latin1")],
  ]);
  assert.equal(flow.counts.get("encoded-websocket-malformed"), 1);
});

Deno.test("empty blocks, however many, hide nothing of the message behind them", () => {
  const empty = Buffer.concat(Array(13_000).fill(Buffer.of(0, 0, 0, 0xff, 0xff)));
  const flow = opened().data(1, frame(COMPRESSED | TEXT, empty)).data(1, frame(CONTINUATION, empty));
  flow.data(1, frame(FIN | CONTINUATION, alone("attack at dawn"))).end();
  assert.deepEqual(messages(tunnel(flow, 1)), ["attack at dawn"]);
  assert.ok(flow.counts.get("encoded-silent-bytes")! > empty.length);
});

Deno.test("a message is decoded up to its bound, then shown compressed", () => {
  const noise = Buffer.from(new Random(3).bytes(60_000).map((byte) => 97 + byte % 16)).toString("latin1");
  const bounded = decode({ websocket: true, maxMessageBytes: 20_000 });
  const payload = alone(noise);
  const flow = opened(EXTENSIONS, bounded);
  flow.data(1, frame(FIN | COMPRESSED | TEXT, payload)).end();
  const [text] = messages(tunnel(flow, 1));
  const shared = [...text].findIndex((char, i) => char !== noise[i]);
  assert.ok(shared > 0 && shared <= 20_000);
  assert.ok(text.endsWith(Buffer.from(payload.subarray(-1000)).toString("latin1")));
  assert.equal(flow.counts.get("encoded-websocket-size"), 1);
});

Deno.test("behind a gap everything is as it came", () => {
  const flow = opened();
  const whole = frame(FIN | COMPRESSED | TEXT, alone("one"));
  flow.data(1, whole).gap(1, 5).data(1, whole).end();
  const stream = tunnel(flow, 1);
  assert.equal(Buffer.compare(stream.subarray(-whole.length), whole), 0);
  assert.equal(flow.connections()[0].gaps.length, 1);
});

Deno.test("without the setting, or the extension, frames are as they came", () => {
  const bytes = frame(FIN | COMPRESSED | TEXT, alone("one"), MASK);
  for (const flow of [opened(EXTENSIONS, decode()), opened("X-None: 1")]) {
    flow.data(0, bytes).end();
    assert.equal(Buffer.compare(tunnel(flow, 0), bytes), 0);
  }
});

Deno.test("what the response agreed to", () => {
  assert.equal(agreedDeflate("x-webkit-deflate-frame"), undefined);
  assert.deepEqual(agreedDeflate("permessage-deflate"), [false, false]);
  assert.deepEqual(
    agreedDeflate("foo, permessage-deflate; server_no_context_takeover; client_max_window_bits=10"),
    [false, true],
  );
});
