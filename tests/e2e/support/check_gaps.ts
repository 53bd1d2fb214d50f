// SPDX-License-Identifier: MIT
/** A connection in a capture beside what really passed to its client. @module */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import type { ForgedConnection } from "../../support/forged.ts";

/** The forged stream is the real one with holes, and the holes have the length of what was lost. */
export function checkGaps(lossy: ForgedConnection, real: Uint8Array, lostBytes: number): void {
  const gaps = lossy.gaps[1];
  assert.equal(gaps.reduce((sum, { length }) => sum + length, 0), lostBytes, "bytes of all gaps");
  const expected = real.slice();
  for (const { offset, length } of gaps) expected.fill(0, offset, offset + length);
  // A gap at the end shows in the sequence number of the FIN alone.
  const forged = new Uint8Array(real.length);
  forged.set(lossy.streams[1]);
  assert(Buffer.from(forged).equals(expected), "the stream has other bytes than were sent");
  assert.equal(lossy.end, "fin");
  const comments = lossy.comments.join("\n");
  for (const { length } of gaps) {
    assert.match(comments, new RegExp(`gap: ${length} bytes to client are missing`));
  }
}
