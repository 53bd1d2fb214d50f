// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { PacketBuffer } from "../../../net/forge/packet_batch.ts";
import { InterfaceSink } from "../../../net/sinks/interface.ts";
import { TIME_BASE_NS } from "../../support/capture.ts";
import { netnsMissing, received, withVeth } from "../../support/netns.ts";
import { skipIf } from "../../support/skip.ts";

const FRAMES = 1000;

Deno.test({
  name: "a frame that cannot be sent costs none of those around it, wherever in a burst it comes",
  ...skipIf(netnsMissing()),
  fn: () =>
    withVeth(async (veth) => {
      const sink = new InterfaceSink(veth.near, { application: "test", interfaceName: "any" });
      const buffer = new PacketBuffer({ timeBaseNs: TIME_BASE_NS, onFull: (batch) => sink.write(batch) });
      const isTooLong = (frame: number) => frame % 127 === 0 || frame % 128 === 0 || frame === FRAMES - 1;
      let tooLong = 0;
      let sentBytes = 0;
      for (let frame = 0; frame < FRAMES; frame++) {
        const length = isTooLong(frame) ? 1600 : 60 + frame;
        const at = buffer.reserve(length, frame);
        buffer.memory.bytes.fill(0, at, at + length);
        buffer.memory.bytes.set([0x08, 0x00, 0x45], at + 12);
        if (isTooLong(frame)) tooLong++;
        else sentBytes += length;
      }
      buffer.flush();
      const { packets, written, writtenBytes, dropped } = sink.counters;
      assert.deepEqual({ packets, written, writtenBytes, dropped: [...dropped] }, {
        packets: FRAMES,
        written: FRAMES - tooLong,
        writtenBytes: sentBytes,
        dropped: [["frame-too-long", tooLong]],
      });
      assert.deepEqual(await received(veth), { packets: FRAMES - tooLong, dropped: 0 });
      await sink.close();
    }),
});
