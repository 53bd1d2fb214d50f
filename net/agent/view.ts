// SPDX-License-Identifier: MIT
/** Who looks at an agent's clear text, besides its sinks. @module */
import * as v from "valibot";
import { BadSetting } from "../settings/bad_setting.ts";
import { log } from "../settings/log.ts";
import { objectOf, wholeNumber } from "../settings/schema.ts";
import type { RotationSettings } from "../settings/sinks.ts";
import { VERSION } from "../settings/version.ts";
import { checkFile } from "../sinks/file_kind.ts";
import type { SinkSpec } from "../sinks/kind.ts";
import { type EventStats, EventWriter } from "../view/events.ts";
import { HarWriter } from "../view/har.ts";
import { stdoutWriter } from "../sinks/stdout_writer.ts";
import { FileLines, type LineOutput, SocketLines, StreamLines } from "../view/line_output.ts";
import { BadFilter } from "../filter/expression.ts";
import { type Filter, parseFilterFor } from "../view/filter.ts";
import { LOG_BYTES_DEFAULT, LOG_BYTES_MIN } from "../view/log_layout.ts";
import { type EntryReader, View, type ViewOptions } from "../view/view.ts";
import { printableLine } from "../wire/printable.ts";

/**
 * What is read out of the clear text for people and tools. Without `readers`, `events` and `har` nothing is, and it costs
 * nothing.
 */
export interface ViewSettings {
  /** Told of every HTTP exchange, WebSocket message and flow as it ends. Default: nobody. */
  readonly readers?: readonly EntryReader[];
  /**
   * Where they are written as Suricata writes events, a line of JSON each: a file, `-` for standard output, or `unix:PATH` of a socket
   * that somebody listens on. Default: nowhere.
   */
  readonly events?: string;
  /** A file for HTTP exchanges as an HTTP archive, HAR 1.2. Default: none. */
  readonly har?: string;
  /** Whether `events` and `har` have passwords, cookies, tokens and keys of heads. Default: no. */
  readonly showSecrets?: boolean;
  /** Which of them: `status >= 400 and host contains "shop"`. Default: all. */
  readonly filter?: string;
  /** Bytes of each body that are kept for them. Default: 0. */
  readonly bodyBytes?: number;
  /** Memory of the exchange log; what does not fit is counted. Default: 64 MiB. */
  readonly logBytes?: number;
}

/** More would leave the log no room for anything else. */
const BODY_BYTES_MAX = 16 * 1024 * 1024;
/** Kept for who looks at a running agent, where nothing else is said. */
const LIVE_BODY_BYTES = 64 * 1024;
const LOG_BYTES_MAX = 1024 * 1024 * 1024;

/** Entries of a schema. */
export const viewEntries = {
  readers: v.optional(v.array(objectOf<EntryReader>("an object with a function take")), () => []),
  events: v.optional(v.string()),
  har: v.optional(v.string()),
  showSecrets: v.optional(v.boolean(), false),
  filter: v.optional(v.string()),
  bodyBytes: v.optional(wholeNumber(0, BODY_BYTES_MAX), 0),
  logBytes: v.optional(wholeNumber(LOG_BYTES_MIN, LOG_BYTES_MAX), LOG_BYTES_DEFAULT),
};

type WithoutDefault = "events" | "har" | "filter";

/** Settings that are known to be of the right form. */
type Checked =
  & Required<Omit<ViewSettings, WithoutDefault>>
  & Pick<ViewSettings, WithoutDefault>
  & RotationSettings;

/** Whether a file is written that rotates. */
export function writesFile({ events, har }: ViewSettings): boolean {
  return har !== undefined || fileOfEvents(events) !== undefined;
}

/** Looks at values, not at the machine. Throws {@linkcode BadSetting}. */
export function checkView(settings: ViewSettings, sinks: readonly SinkSpec[]): void {
  filterOf(settings);
  const { events } = settings;
  if (events === "-" && sinks.some(({ takesStdout }) => takesStdout)) {
    throw new BadSetting("events", "- is a sink already: packets and events would mix");
  }
}

/** Whether the files could be written, of which none is opened. Throws {@linkcode BadSetting}. */
export function checkViewFiles(settings: ViewSettings): void {
  for (const [setting, path] of Object.entries(viewFiles(settings))) {
    if (path !== undefined) checkOutput(setting, path);
  }
}

/** Files that are written, by their setting. */
export function viewFiles({ events, har }: ViewSettings): Readonly<Record<string, string | undefined>> {
  return { events: fileOfEvents(events), har };
}

const SOCKET = "unix:";

function fileOfEvents(events: string | undefined): string | undefined {
  return events === undefined || events === "-" || events.startsWith(SOCKET) ? undefined : events;
}

function checkOutput(setting: string, path: string): void {
  try {
    checkFile(path);
  } catch (error) {
    throw new BadSetting(setting, (error as Error).message);
  }
}

function filterOf({ filter, showSecrets: showsSecrets = false }: ViewSettings): Filter | undefined {
  if (filter === undefined) return undefined;
  try {
    return parseFilterFor(filter, { showsSecrets });
  } catch (error) {
    if (!(error instanceof BadFilter)) throw error;
    throw new BadSetting("filter", `${error.message}\n${error.caret}`);
  }
}

/** Failures that are told: each flow of a kind may fail in the same way. */
const FAILURES_TOLD = 10;

/** Who looks at the log of a running agent. */
export type LogPage = Pick<ViewOptions, "followers">;

/** Opens what is written; undefined where nobody looks, nor will by a page. Throws {@linkcode BadSetting}. */
export function openView(
  settings: Checked,
  timeBaseNs: bigint,
  stats: EventStats,
  page: LogPage | undefined,
): View | undefined {
  const readers = [...settings.readers, ...openOutputs(settings, stats)];
  if (readers.length === 0 && page === undefined) return undefined;
  for (const reader of readers) reader.begin?.(timeBaseNs);
  const { bodyBytes, logBytes } = settings;
  const filter = filterOf(settings);
  return new View({ logBytes, bodyBytes, filter, ...page, failed: failureTeller() }, readers);
}

/** For who looks at a running agent, from when he does. */
export function openLiveView({ bodyBytes, logBytes }: Checked, { followers }: LogPage): View {
  const options = { logBytes, bodyBytes: bodyBytes || LIVE_BODY_BYTES, followers, failed: failureTeller() };
  return new View(options, []);
}

function failureTeller(): (error: unknown) => void {
  let failures = 0;
  return (error) => {
    if (++failures > FAILURES_TOLD) return;
    log.warn(`a flow is not read for exchanges any more: ${printableLine(String(error))}`);
  };
}

/** One that nobody reads, to have its code compiled. */
export function viewThatKeepsNothing(): View {
  return new View({ logBytes: LOG_BYTES_MIN, bodyBytes: 0, failed() {} }, []);
}

function openOutputs(settings: Checked, stats: EventStats): EntryReader[] {
  const { events, har, showSecrets: showsSecrets } = settings;
  const readers: EntryReader[] = [];
  if (har !== undefined) {
    const { rotateBytes, rotateMs, keep } = settings;
    const options = {
      path: har,
      rotation: { rotateBytes, rotateMs, keep },
      version: VERSION,
      showsSecrets,
      warn,
    };
    readers.push(opened("har", () => new HarWriter(options)));
  }
  if (events !== undefined) {
    const output = opened("events", () => openEvents(events, settings));
    readers.push(new EventWriter({ output, showsSecrets, stats }));
  }
  return readers;
}

const warn = (message: string) => log.warn(message);

function openEvents(events: string, { rotateBytes, rotateMs, keep }: RotationSettings): LineOutput {
  if (events === "-") return new StreamLines(stdoutWriter(), "-", warn);
  if (events.startsWith(SOCKET)) return new SocketLines(events.slice(SOCKET.length), warn);
  return new FileLines(events, { rotateBytes, rotateMs, keep }, warn);
}

function opened<T>(setting: string, open: () => T): T {
  try {
    return open();
  } catch (error) {
    throw new BadSetting(setting, (error as Error).message);
  }
}
