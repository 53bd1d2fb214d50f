// SPDX-License-Identifier: MIT
/** Messages for people, on standard error, through LogTape. @module */
import { configureSync, type LogLevel, type LogRecord } from "@logtape/logtape";

export { log } from "../net/settings/log.ts";

const encoder = new TextEncoder();

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

/** One line on standard error; a closed standard error is nobody's harm. */
export function printError(line: string): void {
  write(Deno.stderr, line + "\n");
}

/** One line on standard output. */
export function print(line: string): void {
  write(Deno.stdout, line + "\n");
}

function write(stream: { writeSync(bytes: Uint8Array): number }, text: string): void {
  const bytes = encoder.encode(text);
  try {
    for (let at = 0; at < bytes.length;) at += stream.writeSync(bytes.subarray(at));
  } catch {
    // Nobody is there to be told.
  }
}
