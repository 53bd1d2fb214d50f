// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { headerLength, isMasked, payloadLength } from "../../codecs/websocket_header.ts";

Deno.test("WebSocket headers: lengths in seven, 16 and 64 bits, with and without a mask (RFC 6455, section 5.7)", () => {
  const cases: [header: number[], length: number, mask: boolean, payload: number][] = [
    [[0x81, 0x05], 2, false, 5],
    [[0x81, 0x85, 1, 2, 3, 4], 2, true, 5],
    [[0x82, 0x7e, 0x01, 0x00], 4, false, 256],
    [[0x82, 0xff, 0, 0, 0, 0, 0, 1, 0, 0, 1, 2, 3, 4], 10, true, 65_536],
    [[0x82, 0x7f, 0x80, 0, 0, 0, 0, 0, 0, 1], 10, false, 1],
  ];
  for (const [bytes, length, mask, payload] of cases) {
    const header = Uint8Array.of(9, ...bytes).subarray(1);
    assert.deepEqual([headerLength(header), isMasked(header), payloadLength(header)], [
      length,
      mask,
      payload,
    ]);
  }
});
