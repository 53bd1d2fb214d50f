// SPDX-License-Identifier: MIT
/** Who looks at a flow's clear text besides its codecs. @module */
import type { CodecSession } from "../../codecs/codec.ts";
import type { Direction } from "../../codecs/direction.ts";

/** Gets what the codec chain gets, after it; bytes are borrowed for the call. Must not throw. */
export interface FlowTap {
  /** This session of the first codec has what comes from now on: told when it begins, or when the tap does, and when another takes over. */
  reads(session: CodecSession): void;
  data(direction: Direction, bytes: Uint8Array, timeNs: number): void;
  /** `lengthBytes` of this direction are missing here. */
  gap(direction: Direction, lengthBytes: number, timeNs: number): void;
  /** The flow has ended. */
  end(timeNs: number): void;
}
