// SPDX-License-Identifier: MIT
/** Settings of built-in codecs on the command line: `http2to1:stream-after=5s:reopen-after=0`. @module */
import type { Codec } from "../codecs/codec.ts";
import { http2to1, type Http2To1Options } from "../codecs/http2to1/codec.ts";
import { BUILT_IN_CODECS } from "../codecs/registry.ts";
import { duration, size, wholeNumber } from "./values.ts";

interface Setting {
  readonly name: string;
  readonly option: keyof Http2To1Options;
  /** Answers the option's value. Throws a `RangeError` that says what would be right. */
  readonly parse: (text: string) => number;
  readonly description: string;
}

/** `parse` of a command line's value, throwing. */
function parser(value: ReturnType<typeof size>): (text: string) => number {
  return (text) => {
    const result = value.parse(text);
    if (result.success) return result.value;
    throw new RangeError(result.error.map((term) => "text" in term ? term.text : "").join(""));
  };
}

const bytes = parser(size(0));
const milliseconds = parser(duration());
const nanoseconds = (text: string) => milliseconds(text) * 1e6;

const HTTP2TO1_SETTINGS: readonly Setting[] = [
  {
    name: "stream-after",
    option: "streamAfterNs",
    parse: nanoseconds,
    description: "an exchange unfinished for so long gets a lane of its own; 1s",
  },
  {
    name: "stream-size",
    option: "streamAfterBytes",
    parse: bytes,
    description: "so does one that holds more than this; 1MiB",
  },
  {
    name: "reopen-after",
    option: "reopenAfterBytes",
    parse: bytes,
    description: "lane 0 is opened anew before a direction passes this, 0 never; 768KiB",
  },
  {
    name: "close-after",
    option: "closeAfterNs",
    parse: nanoseconds,
    description: "lane 0 is closed when it had no exchange for so long; 60s",
  },
  {
    name: "waiting",
    option: "maxWaitingBytes",
    parse: bytes,
    description: "what waiting exchanges of a flow may hold together; 16MiB",
  },
  {
    name: "lanes",
    option: "maxLanes",
    parse: parser(wholeNumber("N", 0, 2567)),
    description: "lanes of their own that a flow has open at a time; 256",
  },
  {
    name: "unanswered",
    option: "maxUnansweredPerSecond",
    parse: parser(wholeNumber("N", 0, 1_000_000)),
    description: "requests without a response that are told a second, each on a connection; 100",
  },
  {
    name: "continuations",
    option: "maxContinuations",
    parse: parser(wholeNumber("N", 0, 16_777_216)),
    description: "CONTINUATION frames of one header block; 65536",
  },
];

/** What can be set of a built-in codec: `name` and what it does, its default behind the semicolon. */
export function codecSettings(
  name: string,
): readonly { readonly name: string; readonly description: string }[] {
  return name === "http2to1" ? HTTP2TO1_SETTINGS : [];
}

/** The built-in codec of these words, `NAME[:SETTING=VALUE]...`; undefined when NAME is none. Throws a `RangeError`. */
export function builtInCodec(words: string): Codec | undefined {
  const [name, ...pairs] = words.split(":");
  const codec = BUILT_IN_CODECS.get(name);
  if (!codec || pairs.length === 0) return codec;
  const settings = codecSettings(name);
  if (settings.length === 0) throw new RangeError(`${name} has no settings, got ${JSON.stringify(words)}`);
  const options: Record<string, number> = {};
  for (const pair of pairs) {
    const [key, ...value] = pair.split("=");
    const setting = HTTP2TO1_SETTINGS.find(({ name }) => name === key);
    if (!setting) {
      const known = settings.map(({ name }) => name).join(", ");
      throw new RangeError(`${name} has no setting ${JSON.stringify(key)}: there are ${known}`);
    }
    try {
      options[setting.option] = setting.parse(value.join("="));
    } catch (error) {
      throw new RangeError(`${name}:${key}: ${(error as Error).message}`);
    }
  }
  return http2to1(options);
}
