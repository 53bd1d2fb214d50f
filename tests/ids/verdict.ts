// SPDX-License-Identifier: MIT
/** What an IDS makes of a capture, out of Suricata's events. @module */
import { type Eve, type EveHttp, flowOf, parsersThatGaveUp } from "./eve.ts";

/** `[method, url, status, bytes of body or null]` */
export type Exchange = readonly [method: string, url: string, status: number, bodyBytes: number | null];

export interface Verdict {
  readonly packets: number;
  readonly tcp_sessions: number;
  /**
   * Connections with more than the 1 MiB a direction that stock Suricata inspects: no fault of an opaque flow, one of a codec
   * that could have opened anew.
   */
  readonly depth_reached: number;
  /** Events by type. */
  readonly kinds: Readonly<Record<string, number>>;
  readonly http: readonly {
    readonly http_method: string | null;
    readonly hostname: string | null;
    readonly url: string | null;
    readonly protocol: string | null;
    readonly status: number | null;
    readonly length: number | null;
    readonly flow: string;
  }[];
  /** Bodies, of the size that Suricata reassembled. */
  readonly files: readonly {
    readonly filename: string;
    readonly size: number;
    readonly state: string;
    readonly gaps: boolean;
    readonly flow: string;
  }[];
  /** What rules of the test's own match. */
  readonly alerts: readonly { readonly signature: string; readonly flow: string }[];
  /** Every sign of a badly forged stream, counted. */
  readonly faults: Readonly<Record<string, number>>;
  /** Stream, decoder, HTTP and application-layer events and anomalies, by name, without what is allowed. */
  readonly events: Readonly<Record<string, number>>;
  /** Protocols whose parser met an error. */
  readonly gave_up: Readonly<Record<string, number>>;
  /** What differs from the exchanges that really took place. */
  readonly unexpected: readonly string[];
}

export interface JudgeOptions {
  /** The exchanges that really took place, in any order. Without them a wrong pairing can pass unseen. */
  readonly expect?: readonly Exchange[];
  /** Events whose name contains one of these are left out: oddities that the real peer sent. */
  readonly allow?: readonly string[];
  /** Text of rules; what they match is in `alerts`. */
  readonly rules?: string;
}

/** Stock Suricata stops to size a body there. */
const SIZED_BYTES = 100_000;
/** How the names of Suricata's own rules begin. */
const OWN = "SURICATA ";

export function verdictOf(eve: Eve, { expect, allow = [] }: JudgeOptions): Verdict {
  const http: Verdict["http"][number][] = [];
  const files: Verdict["files"][number][] = [];
  const alerts: Verdict["alerts"][number][] = [];
  const names: string[] = [];
  for (const event of eve.events) {
    const flow = flowOf(event);
    if (event.event_type === "http") http.push({ ...httpOf(event.http), flow });
    else if (event.event_type === "fileinfo") {
      const { filename, size, state, gaps } = event.fileinfo;
      files.push({ filename, size, state, gaps, flow });
    } else if (event.event_type === "anomaly") {
      names.push(`anomaly ${event.anomaly.type} ${event.anomaly.event}`);
    } else if (event.event_type === "alert") {
      const { signature } = event.alert;
      if (signature.startsWith(OWN)) names.push(signature);
      else alerts.push({ signature, flow });
    }
  }
  const isAllowed = (name: string) => allow.some((text) => name.toLowerCase().includes(text.toLowerCase()));
  const events = tally(names.filter((name) => !isAllowed(name)));
  const gaveUp = parsersThatGaveUp(eve.stats);
  const unexpected = expect ? differences(expect, http, files.map(({ size }) => size)) : [];
  const { tcp = {}, decoder = {} } = eve.stats;
  return {
    packets: decoder.pkts ?? 0,
    tcp_sessions: tcp.sessions ?? 0,
    depth_reached: tcp.stream_depth_reached ?? 0,
    kinds: eve.kinds,
    http,
    files,
    alerts,
    faults: {
      unexpected: unexpected.length,
      invalid_checksum: tcp.invalid_checksum ?? 0,
      decoder_invalid: decoder.invalid ?? 0,
      reassembly_gap: tcp.reassembly_gap ?? 0,
      midstream_pickups: tcp.midstream_pickups ?? 0,
      overlap: tcp.overlap ?? 0,
      parser_gave_up: sum(Object.values(gaveUp)),
      events: sum([...events.values()]),
    },
    events: Object.fromEntries(events),
    gave_up: gaveUp,
    unexpected,
  };
}

function httpOf(http: EveHttp): Omit<Verdict["http"][number], "flow"> {
  return {
    http_method: http.http_method ?? null,
    hostname: http.hostname ?? null,
    url: http.url ?? null,
    protocol: http.protocol ?? null,
    status: http.status ?? null,
    length: http.length ?? null,
  };
}

/** What is missing, surplus or of another size, in words. */
function differences(expect: readonly Exchange[], http: Verdict["http"], bodySizes: number[]): string[] {
  const wanted = tally(expect.map(([method, url, status]) => JSON.stringify([method, url, status])));
  const seen = tally(http.map(({ http_method, url, status }) => JSON.stringify([http_method, url, status])));
  const sizes = expect.map(([, , , bodyBytes]) => bodyBytes ?? 0);
  const sized = tally(sizes.filter((size) => size > 0 && size <= SIZED_BYTES));
  const words = (say: (key: unknown) => string, counts: Map<unknown, number>) =>
    [...counts].map(([key, count]) => `${say(key)} x${count}`);
  return [
    ...words((exchange) => `missing ${exchange}`, excess(wanted, seen)),
    ...words((exchange) => `surplus ${exchange}`, excess(seen, wanted)),
    ...words((size) => `no body of ${size} bytes`, excess(sized, tally(bodySizes))),
  ];
}

function tally<T>(values: Iterable<T>): Map<T, number> {
  const counts = new Map<T, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return counts;
}

/** By how much counts are over those of `other`. */
function excess<T>(counts: Map<T, number>, other: Map<T, number>): Map<T, number> {
  return new Map(
    [...counts].map(([key, count]) => [key, count - (other.get(key) ?? 0)] as const).filter(([, more]) =>
      more > 0
    ),
  );
}

const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0);
