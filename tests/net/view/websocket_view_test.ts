// SPDX-License-Identifier: MIT
/** Messages of WebSockets out of clear text. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { constants, deflateRawSync } from "node:zlib";
import type { SocketMessage } from "../../../net/view/exchange.ts";
import { ViewHarness } from "../../support/view_harness.ts";

function opened(extensions = ""): ViewHarness {
  const harness = new ViewHarness({ bodyBytes: 100 });
  harness.open(1);
  harness.send(1, 0, "GET /chat HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
  const field = extensions && `Sec-WebSocket-Extensions: ${extensions}\r\n`;
  harness.send(1, 1, `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n${field}\r\n`);
  return harness;
}

function frame(first: number, payload: Uint8Array, mask?: readonly number[]): Uint8Array {
  const { length } = payload;
  const size = length < 126 ? [length] : [126, length >> 8, length & 255];
  if (mask === undefined) return Buffer.concat([Buffer.of(first, ...size), payload]);
  size[0] |= 0x80;
  return Buffer.concat([Buffer.of(first, ...size, ...mask), payload.map((byte, i) => byte ^ mask[i & 3])]);
}

function messages(harness: ViewHarness): SocketMessage[] {
  harness.view.flush();
  return harness.entries.filter((entry) => entry.kind === "message");
}

const text = ({ body }: SocketMessage) => new TextDecoder().decode(body.bytes);

Deno.test("messages come without mask, in pieces and fragments, controls apart", () => {
  for (const size of [1, 3, 1000]) {
    const harness = opened();
    const bytes = Buffer.concat([
      frame(0x01, Buffer.from("hel"), [1, 2, 3, 4]),
      frame(0x89, Buffer.from("ping"), [1, 2, 3, 4]),
      frame(0x80, Buffer.from("lo"), [9, 8, 7, 6]),
      frame(0x82, new Uint8Array(300), [1, 1, 1, 1]),
    ]);
    for (let at = 0; at < bytes.length; at += size) harness.send(1, 0, bytes.subarray(at, at + size));
    harness.send(1, 1, frame(0x81, Buffer.from("hi")));
    harness.send(1, 1, frame(0x88, Uint8Array.of(3, 232)));
    harness.close(1);
    const told = messages(harness).map((
      message,
    ) => [message.isToServer, message.opcode, message.lengthBytes]);
    assert.deepEqual(told, [[true, 1, 5], [true, 2, 300], [false, 1, 2], [false, 8, 2]], `pieces of ${size}`);
    assert.equal(text(messages(harness)[0]), "hello");
    assert.equal(messages(harness)[1].body.bytes.length, 100);
    assert.equal(messages(harness)[1].body.missingBytes, 200);
    assert.deepEqual(harness.lines(), [harness.lines()[0]]);
    assert.match(harness.lines()[0], /^GET \/chat 101 \d+$/);
  }
});

Deno.test("compressed messages are inflated, and one that is damaged says so", () => {
  const harness = opened("permessage-deflate; server_no_context_takeover");
  const deflated = deflateRawSync("hello hello hello", { finishFlush: constants.Z_SYNC_FLUSH }).subarray(
    0,
    -4,
  );
  harness.send(1, 1, frame(0xc1, deflated));
  harness.send(1, 1, frame(0xc1, deflated));
  harness.send(1, 1, frame(0xc1, Uint8Array.of(0xff, 0xff, 0xff)));
  const [first, second, third] = messages(harness);
  assert.equal(text(first), "hello hello hello");
  assert.equal(text(second), "hello hello hello");
  assert.equal(third.cut, "malformed");
});

Deno.test("messages are inflated in proportion to what peers send, however small they can make it", () => {
  const harness = opened("permessage-deflate; server_no_context_takeover");
  const deflated = deflateRawSync(new Uint8Array(3 * 1024 * 1024), { finishFlush: constants.Z_SYNC_FLUSH })
    .subarray(0, -4);
  for (let i = 0; i < 3; i++) harness.send(1, 1, frame(0xc1, deflated));
  const [first, second, third] = messages(harness);
  assert.deepEqual([first.cut, first.lengthBytes], ["", 3 * 1024 * 1024]);
  assert.equal(second.cut, "bound");
  assert.ok(second.lengthBytes < 3 * 1024 * 1024);
  assert.equal(third.lengthBytes, deflated.length);
});
