// SPDX-License-Identifier: MIT
/** Messages for people, on standard error, through LogTape. @module */
import { configureSync, type LogLevel, type LogRecord } from "@logtape/logtape";
import { oneLine } from "../net/wire/printable.ts";
import { printError } from "./output.ts";

export { log } from "../net/settings/log.ts";

/** How the options of a command say what is shown, and how. */
export interface LogOptions {
  readonly logLevel?: LogLevel;
  /** `json`: an object with `time`, `level` and `message` a line. */
  readonly logFormat?: "text" | "json";
}

let isJson = false;

/** Whether messages are a line of JSON each. */
export function logsJson(): boolean {
  return isJson;
}

/** A line that is shown whatever the least level: as it is, or where messages are JSON as one of them. */
export function tell(text: string, level: LogLevel = "info"): void {
  printError(isJson ? jsonLine(Date.now(), level, text.replace(/^sslcollector: /, "")) : text);
}

/** Shows messages of a level and above on standard error, one line each; off a terminal with their time and level. */
export function configureLog({ logLevel: lowest = "info", logFormat = "text" }: LogOptions = {}): void {
  const isForPeople = Deno.stderr.isTerminal();
  isJson = logFormat === "json";
  const format = isJson ? formatJson : (record: LogRecord) => formatRecord(record, isForPeople);
  configureSync({
    reset: true,
    sinks: { stderr: (record) => printError(format(record)) },
    loggers: [
      { category: ["sslcollector"], sinks: ["stderr"], lowestLevel: lowest },
      { category: ["logtape", "meta"], sinks: ["stderr"], lowestLevel: "error" },
    ],
  });
}

/** What of a record is shown. */
type Shown = Pick<LogRecord, "timestamp" | "level" | "message" | "rawMessage" | "properties">;

/** A text that came without properties is no template, whatever braces are in it. */
function textOf({ message, rawMessage, properties }: Shown): string {
  const isTemplate = typeof rawMessage !== "string" || Object.keys(properties).length > 0;
  return isTemplate ? message.map(String).join("") : rawMessage;
}

function formatJson(record: LogRecord): string {
  return jsonLine(record.timestamp, record.level, textOf(record));
}

function jsonLine(timestampMs: number, level: LogLevel, message: string): string {
  return JSON.stringify({ time: new Date(timestampMs).toISOString(), level, message });
}

/** Nothing in a message can begin another line, whoever its words are from. */
export function formatRecord(record: Shown, isForPeople: boolean): string {
  const { timestamp, level } = record;
  const text = oneLine(textOf(record));
  if (isForPeople) return `sslcollector: ${level === "info" ? "" : `${level}: `}${text}`;
  return `${new Date(timestamp).toISOString()} sslcollector: ${level}: ${text}`;
}
