// SPDX-License-Identifier: MIT
/** A codec at its smallest: every ASCII letter in upper case. */
import type { Codec } from "../../codecs/codec.ts";

const upperCase: Codec = {
  name: "upper_case",
  contract: 1,
  description: "every ASCII letter in upper case",
  probe: () => "accept",
  open: (_flow, output) => ({
    // `bytes` is borrowed and not to be changed; map() makes a copy.
    data: (direction, bytes) => output.write(0, direction, bytes.map(upper)),
    gap: (direction, length) => output.gap(0, direction, length),
    end() {},
  }),
};

const upper = (byte: number) => byte >= 0x61 && byte <= 0x7a ? byte - 0x20 : byte;

export default upperCase;
