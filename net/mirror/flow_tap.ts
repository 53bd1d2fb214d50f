// SPDX-License-Identifier: MIT
/** Who looks at a flow's clear text besides its codecs. @module */
import type { Direction } from "../../codecs/direction.ts";

/** Gets what the codec chain gets, after it; bytes are borrowed for the call. Must not throw. */
export interface FlowTap {
  data(direction: Direction, bytes: Uint8Array, timeNs: number): void;
  /** `lengthBytes` of this direction are missing here. */
  gap(direction: Direction, lengthBytes: number, timeNs: number): void;
  /** The flow has ended. */
  end(timeNs: number): void;
}
