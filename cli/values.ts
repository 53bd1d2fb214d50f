// SPDX-License-Identifier: MIT
/** Value parsers of the command line: each turns one word into a typed value or says what would be right. @module */
import type { Suggestion } from "@optique/core/parser";
import type { ValueParser } from "@optique/core/valueparser";
import { BUILT_IN_NAMES } from "../codecs/names.ts";
import { parseDuration, parseSize } from "../codecs/units.ts";
import { formatHostPort, parseListenAddress, parseTarget, type RemoteTarget } from "../net/link/target.ts";
import { CLEAR_PORTS } from "../net/settings/limits.ts";
import type { SinkSpec } from "../net/sinks/kind.ts";
import { parseSinkSpec } from "../net/sinks/spec.ts";
import { PORT_MAX } from "../net/wire/tcp.ts";
import { suggestFiles, suggestInterfaces, suggestWords, withSuggestions } from "./suggestions.ts";
import { text, valueParser } from "./value_parser.ts";

/** `64MiB`, `64M`, `64m`, `65536`: bytes, at least `minimum`. */
export function size(minimum: number): ValueParser<"sync", number> {
  return valueParser("SIZE", minimum, (text) => {
    const bytes = parseSize(text);
    if (Number.isNaN(bytes)) {
      throw new RangeError(`expected a size such as 64MiB, got ${JSON.stringify(text)}`);
    }
    if (bytes < minimum) {
      throw new RangeError(`expected at least ${minimum} bytes, got ${JSON.stringify(text)}`);
    }
    return bytes;
  });
}

/** `90s`, `10m`, `1h`, `90`: milliseconds, at least `minimumMs`. */
export function duration(minimumMs = 1): ValueParser<"sync", number> {
  return valueParser("DURATION", 1000, (text) => {
    const ms = parseDuration(text);
    if (!(ms >= 1)) {
      throw new RangeError(`expected a duration such as 90s, 10m or 1h, got ${JSON.stringify(text)}`);
    }
    if (ms < minimumMs) {
      throw new RangeError(`expected at least ${minimumMs / 1000}s, got ${JSON.stringify(text)}`);
    }
    return ms;
  });
}

/** A whole number from `least` to `most`. */
export function wholeNumber(metavar: string, least: number, most: number): ValueParser<"sync", number> {
  return valueParser(metavar, least, (text) => {
    const number = /^\d+$/.test(text) ? Number(text) : NaN;
    if (!(number >= least && number <= most)) {
      throw new RangeError(`expected a number from ${least} to ${most}, got ${JSON.stringify(text)}`);
    }
    return number;
  });
}

/** One of these words. */
export function word<const T extends string>(metavar: string, words: readonly T[]): ValueParser<"sync", T> {
  const parser = valueParser(metavar, words[0], (text) => {
    const found = words.find((word) => word === text);
    if (found === undefined) {
      throw new RangeError(
        `expected ${words.slice(0, -1).join(", ")} or ${words.at(-1)}, got ${JSON.stringify(text)}`,
      );
    }
    return found;
  });
  return withSuggestions(parser, (prefix) => suggestWords(prefix, words));
}

/** A sink as {@linkcode parseSinkSpec} reads it. */
export function sink(): ValueParser<"sync", SinkSpec> {
  return withSuggestions(
    valueParser("SINK", parseSinkSpec("-"), parseSinkSpec, (spec) => spec.name),
    (prefix) => [...suggestInterfaces(prefix), ...suggestFiles(prefix)],
  );
}

/** A collector as {@linkcode parseTarget} reads it. */
export function remoteTarget(): ValueParser<"sync", RemoteTarget> {
  return valueParser("HOST[:PORT]", parseTarget("localhost"), parseTarget, ({ name }) => name);
}

/** `ADDR:PORT` as {@linkcode parseListenAddress} reads it. */
export function listenAddress(): ValueParser<"sync", ReturnType<typeof parseListenAddress>> {
  return valueParser(
    "ADDR:PORT",
    parseListenAddress("*"),
    parseListenAddress,
    ({ hostname, port }) => formatHostPort(hostname, port),
  );
}

/** `9100`, `ADDR:9100`: an address of this host, 127.0.0.1 when there is a port alone. */
export function metricsAddress(): ValueParser<"sync", ReturnType<typeof parseListenAddress>> {
  return ownAddress(9100);
}

/** `9200`, `ADDR:9200`, in the same way. */
export function pageAddress(): ValueParser<"sync", ReturnType<typeof parseListenAddress>> {
  return ownAddress(9200);
}

function ownAddress(examplePort: number): ValueParser<"sync", ReturnType<typeof parseListenAddress>> {
  const example = { hostname: "127.0.0.1", port: examplePort };
  return valueParser("[ADDR:]PORT", example, (text) => {
    const parts = /^(?:(.*):)?(\d{1,5})$/.exec(text);
    if (parts === null || Number(parts[2]) > PORT_MAX) {
      throw new RangeError(`expected PORT or ADDR:PORT such as ${examplePort}, got ${JSON.stringify(text)}`);
    }
    return parts[1] === undefined ? { ...example, port: Number(parts[2]) } : parseListenAddress(text);
  }, ({ hostname, port }) => formatHostPort(hostname, port));
}

/** `443=80`, {@linkcode CLEAR_PORTS} as `clear`, or several joined with commas: [real server port, forged server port]. */
export function portMap(): ValueParser<"sync", (readonly [number, number])[]> {
  return withSuggestions(
    valueParser("PORT=PORT", [[443, 80]], (text) =>
      text.split(",").flatMap((pair) => {
        if (pair === CLEAR) return [...CLEAR_PORTS];
        const match = /^(\d{1,5})=(\d{1,5})$/.exec(pair);
        const ports = match ? [Number(match[1]), Number(match[2])] : [];
        if (!ports.length || ports.some((port) => port < 1 || port > PORT_MAX)) {
          throw new RangeError(
            `expected clear, or ports from 1 to ${PORT_MAX} such as 443=80, got ${JSON.stringify(pair)}`,
          );
        }
        return [ports as [number, number]];
      }), (map) => map.map((pair) => pair.join("=")).join(",")),
    (prefix) => suggestWords(prefix, [CLEAR]),
  );
}

const CLEAR = "clear";

/** `02:00:00:00:00:99`: six bytes, a unicast address. */
export function macAddress(): ValueParser<"sync", Uint8Array> {
  return valueParser("MAC", new Uint8Array(6), (text) => {
    const bytes = text.split(":").map((part) => /^[0-9a-f]{2}$/i.test(part) ? parseInt(part, 16) : NaN);
    if (bytes.length !== 6 || bytes.some(Number.isNaN)) {
      throw new TypeError(`expected a MAC address such as 02:00:00:00:00:99, got ${JSON.stringify(text)}`);
    }
    if (bytes[0] & 1) throw new TypeError(`expected a unicast MAC address, got the group address ${text}`);
    return Uint8Array.from(bytes);
  }, (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(":"));
}

/** The name of an interface, or `any`. */
export function interfaceName(): ValueParser<"sync", string> {
  return withSuggestions(
    text("IFACE"),
    (prefix) => [...suggestInterfaces(prefix), ...suggestWords(prefix, ["any"])],
  );
}

/** The name or the path of a codec. */
export function codecName(): ValueParser<"sync", string> {
  return withSuggestions(
    text("CODEC"),
    (prefix) => [...suggestWords(prefix, BUILT_IN_NAMES), ...suggestFiles(prefix)],
  );
}

/** Names and paths of codecs, first applied first. */
export function codecList(): ValueParser<"sync", string[]> {
  const parser = valueParser("LIST", ["raw"], (text) => {
    const names = text.split(",").map((name) => name.trim());
    if (names.some((name) => name === "")) {
      throw new TypeError(`expected codec names or paths joined with commas, got ${JSON.stringify(text)}`);
    }
    return names;
  }, (names) => names.join(","));
  return withSuggestions(parser, suggestCodecs);
}

/** Names of codecs behind those that are there already, joined with commas; files where `prefix` looks like a path. */
function suggestCodecs(prefix: string): Suggestion[] {
  const before = prefix.slice(0, prefix.lastIndexOf(",") + 1);
  if (/^[./~]/.test(prefix)) return suggestFiles(prefix);
  return suggestWords(prefix, BUILT_IN_NAMES.map((name) => before + name));
}
