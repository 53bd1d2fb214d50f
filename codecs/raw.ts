// SPDX-License-Identifier: MIT
/** The identity: clear text as it is, on the flow's own 5-tuple. @module */
import { type Codec, CODEC_CONTRACT, type CodecOutput, type CodecSession } from "./codec.ts";

function openRaw(output: CodecOutput): CodecSession {
  return {
    data: (direction, bytes) => output.write(0, direction, bytes),
    gap: (direction, length) => output.gap(0, direction, length),
    end: () => {},
  };
}

/** The identity: what was captured is what an IDS sees. */
export const raw: Codec = {
  name: "raw",
  contract: CODEC_CONTRACT,
  description: "clear text as it is",
  probe: () => "accept",
  open: (_flow, output) => openRaw(output),
};
