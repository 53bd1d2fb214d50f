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

/**
 * Version of this contract; a plugin names the one it was written for. It rises when a plugin that was right would no longer be:
 * a new member that plugins may leave out, or that they may call, keeps it.
 */
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
  /** TCP port of the server. */
  readonly serverPort: number;
  /** The first bytes of the session were not seen. */
  readonly joinedLate: boolean;
}

/** The first bytes of a flow, both directions, for {@linkcode CodecRewriter.probe}. At most 64 KiB together. */
export interface CodecSample {
  /** What is known of it besides. */
  readonly flow: CodecFlow;
  /** What the client sent, from its first byte on. */
  readonly toServer: Uint8Array;
  /** What the server sent, from its first byte on. */
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

/** What {@linkcode CodecRewriter.probe} answers. */
export type CodecVerdict = "accept" | "reject" | "more";

/** What makes sessions. */
export interface CodecRewriter {
  /**
   * Whether this codec wants the flow. `more` asks again with a longer sample: for every piece up to 64 bytes, then when
   * there is twice as much. The bytes are kept until decided.
   */
  probe(sample: CodecSample): CodecVerdict;
  /** Takes a flow. All bytes of the sample are given to the session again, in their order. */
  open(flow: CodecFlow, output: CodecOutput): CodecSession;
}

/** A flow that is made up to have a codec's code compiled before the first real one comes. */
export interface CodecWarmUp {
  /** Empty when absent. */
  readonly alpn?: string;
  /**
   * What passes the TLS library, in its order; some MiB are enough, and more than 16 MiB are not asked for. Several flows get how it
   * begins, and one of them all.
   */
  readonly records: Iterable<readonly [direction: Direction, bytes: Uint8Array]>;
}

/** What every codec tells of itself. */
export interface CodecFace {
  /** Lower-case letters, digits, `_`, `-`; shown in comments and in `sslcollector codecs`. */
  readonly name: string;
  /** {@linkcode CODEC_CONTRACT} that it was written for. */
  readonly contract: number;
  /** One line for `sslcollector codecs`. */
  readonly description?: string;
  /** Sends its first flows faster; optional. */
  warmUp?(): CodecWarmUp;
}

/** The default export of a plugin of which nothing can be set, and any codec at work. */
export interface Codec extends CodecFace, CodecRewriter {
  /** A built-in codec that is put behind this one, unless the chain has it anyway; optional. */
  readonly followedBy?: string;
}

/** The default export of a plugin that can be set: `--codec ./plugin.ts:NAME=VALUE:NAME=VALUE`. */
export interface CodecWithSettings<Settings extends CodecSettings = CodecSettings> extends CodecFace {
  /** What can be set. */
  readonly settings: Settings;
  /**
   * Makes the codec with these values: one for each of `settings`, checked, its default where nothing was given. May throw when
   * they do not fit each other; the message is shown.
   */
  configure(values: CodecValues<Settings>): CodecRewriter;
  /** With these values, a built-in codec that is put behind this one, unless the chain has it anyway; optional. */
  followedBy?(values: CodecValues<Settings>): string | undefined;
}

/** The default export of a plugin. */
export type CodecPlugin = Codec | CodecWithSettings;

/** What can be set, by name: lower-case letters, digits and `-`. */
export type CodecSettings = Readonly<Record<string, CodecSetting>>;

/** What is to be known of one of them. */
export type CodecSetting = NumberSetting | WordSetting | TextSetting | BooleanSetting;

/** What every setting tells of itself. */
export interface SettingFace {
  /** One line for `sslcollector codecs`; the default is shown behind it. */
  readonly description: string;
}

/** A whole number; a `size` in bytes, written as `64KiB`; a `duration` in nanoseconds, as all times here, written as `5s`. */
export interface NumberSetting extends SettingFace {
  /** How it is written. */
  readonly type: "number" | "size" | "duration";
  /** Its value where none is given. */
  readonly default: number;
  /** Least value that is right; 0 when absent. */
  readonly minimum?: number;
  /** Greatest value that is right; absent: there is none. */
  readonly maximum?: number;
}

/** One of some words. */
export interface WordSetting extends SettingFace {
  /** Tells it from the others. */
  readonly type: "word";
  /** All that are right. */
  readonly words: readonly string[];
  /** Its value where none is given. */
  readonly default: string;
}

/** Any text without a comma. */
export interface TextSetting extends SettingFace {
  /** Tells it from the others. */
  readonly type: "text";
  /** Its value where none is given. */
  readonly default: string;
}

/** `true` or `false`. */
export interface BooleanSetting extends SettingFace {
  /** Tells it from the others. */
  readonly type: "boolean";
  /** Its value where none is given. */
  readonly default: boolean;
}

/** A value for each setting. */
export type CodecValues<Settings extends CodecSettings = CodecSettings> = {
  readonly [Name in keyof Settings]: SettingValue<Settings[Name]>;
};

/** What a setting's value is. */
export type SettingValue<Setting extends CodecSetting> = Setting extends WordSetting
  ? Setting["words"][number]
  : Setting extends TextSetting ? string
  : Setting extends BooleanSetting ? boolean
  : number;
