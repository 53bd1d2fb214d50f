// SPDX-License-Identifier: MIT
/** What of `http2to1` can be set. @module */
import type { CodecSettings, CodecValues } from "../codec.ts";
import { type ConnectionLimits, DEFAULT_LIMITS } from "../http2/connection.ts";

/** Which exchanges go to a lane of their own, and how long lane 0 lives. */
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
  /** What all flows may hold together. */
  readonly maxMemoryBytes: number;
  /** Lanes of their own that one flow has open at a time. */
  readonly maxLanes: number;
  /**
   * Requests without a response, each of which takes a connection, and exchanges that repeat too much, that are told a second; above it
   * those that are the same are told as one.
   */
  readonly maxUnansweredPerSecond: number;
}

/** Client ports that lanes have. */
const LANE_PORTS = 2567;

/** What is left out is as the design has it. */
export interface Http2To1Options extends Partial<LanePolicy>, Partial<ConnectionLimits> {}

/**
 * `reopenAfterBytes`: Suricata inspects 1 MiB of a direction; 768 KiB leaves room for one more exchange's growth in
 * framing. `maxMemoryBytes`: eight flows at their own bound. `maxLanes`: a tenth of the client ports that lanes have, so that one flow cannot take all of them.
 * `maxUnansweredPerSecond`: as many streams as servers allow at a time, so that a client may cancel all of them; a rapid reset
 * (CVE-2023-44487) sends some 10,000, and each would be a connection of half a KiB.
 */
const DEFAULT_POLICY: LanePolicy = {
  streamAfterNs: 1_000_000_000,
  streamAfterBytes: 1024 * 1024,
  reopenAfterBytes: 768 * 1024,
  closeAfterNs: 60_000_000_000,
  maxWaitingBytes: 16 * 1024 * 1024,
  maxMemoryBytes: 128 * 1024 * 1024,
  maxLanes: 256,
  maxUnansweredPerSecond: 100,
};

export const resolveOptions = (options: Http2To1Options): LanePolicy & ConnectionLimits => ({
  ...DEFAULT_LIMITS,
  ...DEFAULT_POLICY,
  ...options,
});

/** On the command line. */
export const HTTP2TO1_SETTINGS = {
  "stream-after": {
    type: "duration",
    default: DEFAULT_POLICY.streamAfterNs,
    minimum: 1_000_000,
    description: "an exchange unfinished for so long gets a lane of its own",
  },
  "stream-size": {
    type: "size",
    default: DEFAULT_POLICY.streamAfterBytes,
    description: "so does one that holds more than this",
  },
  "reopen-after": {
    type: "size",
    default: DEFAULT_POLICY.reopenAfterBytes,
    description: "lane 0 is opened anew before a direction passes this, 0 never",
  },
  "close-after": {
    type: "duration",
    default: DEFAULT_POLICY.closeAfterNs,
    description: "lane 0 is closed when it had no exchange for so long, 0 never",
  },
  "waiting": {
    type: "size",
    default: DEFAULT_POLICY.maxWaitingBytes,
    description: "what waiting exchanges of a flow may hold together",
  },
  "memory": {
    type: "size",
    default: DEFAULT_POLICY.maxMemoryBytes,
    minimum: 1024 * 1024,
    description: "what all flows may hold together; beyond it the largest give way",
  },
  "lanes": {
    type: "number",
    default: DEFAULT_POLICY.maxLanes,
    maximum: LANE_PORTS,
    description: "lanes of their own that a flow has open at a time",
  },
  "unanswered": {
    type: "number",
    default: DEFAULT_POLICY.maxUnansweredPerSecond,
    maximum: 1_000_000,
    description:
      "requests a second without a response, or that repeat too much, above which the same are told as one",
  },
  "continuations": {
    type: "number",
    default: DEFAULT_LIMITS.maxContinuations,
    maximum: 16_777_216,
    description: "CONTINUATION frames of one header block",
  },
  "encodings": {
    type: "word",
    words: ["decode", "keep"],
    default: "decode",
    description: "keep: no codec decode behind this one",
  },
} as const satisfies CodecSettings;

/** The options that these settings are. */
export const optionsOf = (values: CodecValues<typeof HTTP2TO1_SETTINGS>): Http2To1Options => ({
  streamAfterNs: values["stream-after"],
  streamAfterBytes: values["stream-size"],
  reopenAfterBytes: values["reopen-after"],
  closeAfterNs: values["close-after"],
  maxWaitingBytes: values["waiting"],
  maxMemoryBytes: values["memory"],
  maxLanes: values["lanes"],
  maxUnansweredPerSecond: values["unanswered"],
  maxContinuations: values["continuations"],
});
