// SPDX-License-Identifier: MIT
/** Several codecs, one behind the other, as one. @module */
import type { Codec } from "../../codecs/codec.ts";
import { MemoryBudget } from "../../codecs/memory_budget.ts";
import { raw } from "../../codecs/raw.ts";
import { openChain } from "../../net/mirror/codec_chain.ts";

/** For what drives a single codec by hand; one that throws fails the test. */
export const chained = (...codecs: Codec[]): Codec => ({
  name: "chained",
  contract: 1,
  probe: () => "accept",
  open(flow, output) {
    const failed = (_codec: Codec, error: unknown) => {
      throw error;
    };
    const stage = openChain(codecs, { flow, raw, memory: new MemoryBudget(Infinity), failed }, output);
    return {
      data: (direction, bytes, timeNs) => stage.data(direction, bytes, timeNs),
      gap: (direction, lengthBytes, timeNs) => stage.gap(direction, lengthBytes, timeNs),
      end: (direction, timeNs) => stage.end(direction, timeNs),
      tick: (timeNs) => stage.tick(timeNs),
    };
  },
});
