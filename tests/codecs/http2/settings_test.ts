// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { Setting } from "../../../codecs/http2/frame.ts";
import { readSettings } from "../../../codecs/http2/settings.ts";
import { settings } from "../../support/http2_frames.ts";

/** The payload of a SETTINGS frame, read between other bytes. */
function read(...pairs: readonly (readonly [id: number, value: number])[]) {
  const bytes = settings(...pairs);
  return readSettings(bytes, 9, bytes.length);
}
const NOTHING = { headerTableSize: -1, enablePush: -1, maxFrameSize: -1, badPush: false };
const { HEADER_TABLE_SIZE, ENABLE_PUSH, INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE } = Setting;

Deno.test("what says nothing of how frames are read changes nothing", () => {
  assert.deepEqual(read(), NOTHING);
  assert.deepEqual(read([3, 100], [6, 1], [8, 1], [0xabcd, 0xffffffff], [0, 0]), NOTHING);
});

Deno.test("values of 32 bits, the last one of a setting counts", () => {
  assert.deepEqual(read([HEADER_TABLE_SIZE, 0xffffffff]), { ...NOTHING, headerTableSize: 0xffffffff });
  assert.deepEqual(read([HEADER_TABLE_SIZE, 1], [MAX_FRAME_SIZE, 20000], [HEADER_TABLE_SIZE, 0]), {
    ...NOTHING,
    headerTableSize: 0,
    maxFrameSize: 20000,
  });
});

Deno.test("frame sizes and windows that cannot be end the connection, those at the bounds do not", () => {
  for (const value of [0, 16383, 0x1000000, 0xffffffff]) {
    assert.equal(read([MAX_FRAME_SIZE, value]), "settings-value");
  }
  for (const value of [16384, 0xffffff]) {
    assert.deepEqual(read([MAX_FRAME_SIZE, value]), { ...NOTHING, maxFrameSize: value });
  }
  assert.equal(read([INITIAL_WINDOW_SIZE, 0x80000000]), "settings-value");
  assert.deepEqual(read([INITIAL_WINDOW_SIZE, 0x7fffffff]), NOTHING);
});

Deno.test("ENABLE_PUSH is 0 or 1; another value means nothing and is told", () => {
  assert.deepEqual(read([ENABLE_PUSH, 0]), { ...NOTHING, enablePush: 0 });
  assert.deepEqual(read([ENABLE_PUSH, 1], [ENABLE_PUSH, 2]), { ...NOTHING, enablePush: 1, badPush: true });
});
