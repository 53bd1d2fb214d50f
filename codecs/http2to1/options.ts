// SPDX-License-Identifier: MIT
/** What of `http2to1` can be set. @module */
import { type ConnectionLimits, DEFAULT_LIMITS } from "../http2/connection.ts";

export interface LanePolicy {
  /** An exchange that is unfinished after this time goes to a lane of its own. */
  readonly streamAfterNs: number;
  /** So does an exchange that holds more than this, both directions together. */
  readonly streamAfterBytes: number;
  /** Lane 0 is opened anew before a direction passes this; 0: never. */
  readonly reopenAfterBytes: number;
  /** Lane 0 is closed when this time has passed without an exchange, and opened anew for the next; 0: never. */
  readonly closeAfterNs: number;
  /** What waiting exchanges of one flow may hold together. */
  readonly maxWaitingBytes: number;
  /** Lanes of their own that one flow has open at a time. */
  readonly maxLanes: number;
  /** Requests without a response that are told a second: each takes a connection. */
  readonly maxUnansweredPerSecond: number;
}

export interface Http2To1Options extends Partial<LanePolicy>, Partial<ConnectionLimits> {}

/**
 * `reopenAfterBytes`: Suricata inspects 1 MiB of a direction; 768 KiB leaves room for one more exchange's growth in
 * framing. `maxLanes`: a tenth of the 2,567 client ports that lanes have, so that one flow cannot take all of them.
 * `maxUnansweredPerSecond`: as many streams as servers allow at a time, so that a client may cancel all of them; a rapid reset
 * (CVE-2023-44487) sends some 10,000, of 20 bytes each, and each would be a connection of half a KiB.
 */
export const DEFAULT_POLICY: LanePolicy = {
  streamAfterNs: 1_000_000_000,
  streamAfterBytes: 1024 * 1024,
  reopenAfterBytes: 768 * 1024,
  closeAfterNs: 60_000_000_000,
  maxWaitingBytes: 16 * 1024 * 1024,
  maxLanes: 256,
  maxUnansweredPerSecond: 100,
};

export const resolveOptions = (options: Http2To1Options): LanePolicy & ConnectionLimits => ({
  ...DEFAULT_LIMITS,
  ...DEFAULT_POLICY,
  ...options,
});
