// SPDX-License-Identifier: MIT
/** Messages for people, on standard error, through LogTape. @module */
import { configureSync, type LogLevel, type LogRecord } from "@logtape/logtape";
import { oneLine } from "../net/wire/printable.ts";
import { printError } from "./output.ts";

export { log } from "../net/settings/log.ts";

/** Shows messages of `lowest` and above on standard error, one line each; off a terminal with their time and level. */
export function configureLog(lowest: LogLevel): void {
  const isForPeople = Deno.stderr.isTerminal();
  configureSync({
    reset: true,
    sinks: { stderr: (record) => printError(formatRecord(record, isForPeople)) },
    loggers: [
      { category: ["sslcollector"], sinks: ["stderr"], lowestLevel: lowest },
      { category: ["logtape", "meta"], sinks: ["stderr"], lowestLevel: "error" },
    ],
  });
}

/** Nothing in a message can begin another line, whoever its words are from. */
export function formatRecord(
  { timestamp, level, message }: Pick<LogRecord, "timestamp" | "level" | "message">,
  isForPeople: boolean,
): string {
  const text = oneLine(message.map((part) => typeof part === "string" ? part : String(part)).join(""));
  if (isForPeople) return `sslcollector: ${level === "info" ? "" : `${level}: `}${text}`;
  return `${new Date(timestamp).toISOString()} sslcollector: ${level}: ${text}`;
}
