// SPDX-License-Identifier: MIT
/**
 * The codec contract: how a plugin rewrites the clear text of one flow.
 *
 * A codec sees the bytes of both directions in the order they passed the TLS library and says what
 * bytes an IDS shall see, on one or several lanes (forged TCP connections). It is pure: no clock, no I/O.
 * Everything it is given is borrowed for the call: `slice()` what must be kept.
 *
 * A codec that throws downgrades its flow to `raw` from the next byte on; other flows go on.
 *
 * @module
 */
import { type Direction, TO_CLIENT, TO_SERVER } from "./direction.ts";

/** Version of this contract; a plugin names the one it was written for. */
export const CODEC_CONTRACT = 1;

export { type Direction, TO_CLIENT, TO_SERVER };

/** What is known of a flow when its codec is chosen. */
export interface CodecFlow {
  /** ALPN protocol agreed on, for example `h2`; empty when none or unknown. */
  readonly alpn: string;
  /** Server name that the client asked for; empty when unknown. */
  readonly sni: string;
  /** Whether the mirrored program is the server of this session. */
  readonly isServer: boolean;
  readonly serverPort: number;
  /** The first bytes of the session were not seen. */
  readonly joinedLate: boolean;
}

/** The first bytes of a flow, both directions, for {@linkcode Codec.probe}. At most 64 KiB together. */
export interface CodecSample {
  readonly flow: CodecFlow;
  readonly toServer: Uint8Array;
  readonly toClient: Uint8Array;
  /** No more bytes will come: answer `accept` or `reject`. */
  readonly final: boolean;
}

/** A lane of one flow; 0 is the flow's own 5-tuple. */
export type Lane = number;

/** Where a codec session puts what it makes. Writes take effect in the order of the calls. */
export interface CodecOutput {
  /**
   * Appends bytes to one direction of a lane; borrowed for the call. A lane that is not open is opened by it:
   * lane 0 on the flow's own 5-tuple (again, with a new initial sequence number, when it was closed before).
   */
  write(lane: Lane, direction: Direction, bytes: Uint8Array): void;
  /** `length` bytes (above 0) of this lane and direction are missing here: sequence numbers skip them. */
  gap(lane: Lane, direction: Direction, length: number): void;
  /** Makes a lane of its own 5-tuple, never 0; `comment` names it to people (first packet's comment). */
  openLane(comment: string): Lane;
  /**
   * Ends the lane's TCP connection: orderly with FIN, or `reset` when what was written is not the whole.
   * Lane 0 may be written to again afterwards; the number of any other lane is then used up.
   */
  close(lane: Lane, how: "fin" | "reset"): void;
  /** Gives the next packet of the lane a comment. */
  comment(lane: Lane, text: string): void;
  /** Counts something worth telling (a substitution, a refused message, lost bytes) under a stable kebab-case reason. */
  count(reason: string, amount?: number): void;
}

/** One flow inside a codec. */
export interface CodecSession {
  /** Clear text of one direction, borrowed for the call; `timeNs` never goes back. */
  data(direction: Direction, bytes: Uint8Array, timeNs: number): void;
  /** `length` bytes (above 0) of this direction were lost before the next data. */
  gap(direction: Direction, length: number, timeNs: number): void;
  /**
   * The direction has ended and nothing more comes on it. Both ends are told when a session closes, also when its lane is
   * about to be reset; lanes that the session opened and left open are closed after that.
   */
  end(direction: Direction, timeNs: number): void;
  /** Time passes (about 4 times a second while the flow is open); optional. */
  tick?(timeNs: number): void;
}

export type CodecVerdict = "accept" | "reject" | "more";

/** The default export of a plugin. */
export interface Codec {
  /** Lower-case letters, digits, `_`, `-`; shown in comments and in `sslcollector codecs`. */
  readonly name: string;
  /** {@linkcode CODEC_CONTRACT} that it was written for. */
  readonly contract: number;
  /** One line for `sslcollector codecs`. */
  readonly description?: string;
  /**
   * Whether this codec wants the flow. `more` asks again with a longer sample: for every piece up to 64 bytes, then when
   * there is twice as much. The bytes are kept until decided.
   */
  probe(sample: CodecSample): CodecVerdict;
  /** Takes a flow. All bytes of the sample are given to the session again, in their order. */
  open(flow: CodecFlow, output: CodecOutput): CodecSession;
}
