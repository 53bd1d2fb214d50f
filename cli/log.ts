// SPDX-License-Identifier: MIT
/** Messages for people, on standard error, through LogTape. @module */
import { configureSync, type LogLevel, type LogRecord } from "@logtape/logtape";
import { printError } from "./output.ts";

export { log } from "../net/settings/log.ts";

/** Shows messages of `lowest` and above on standard error, one line each. */
export function configureLog(lowest: LogLevel): void {
  configureSync({
    reset: true,
    sinks: { stderr: (record) => printError(format(record)) },
    loggers: [
      { category: ["sslcollector"], sinks: ["stderr"], lowestLevel: lowest },
      { category: ["logtape", "meta"], sinks: ["stderr"], lowestLevel: "error" },
    ],
  });
}

function format(record: LogRecord): string {
  const text = record.message.map((part) => typeof part === "string" ? part : String(part)).join("");
  const level = record.level === "info" ? "" : `${record.level}: `;
  return `sslcollector: ${level}${text}`;
}
