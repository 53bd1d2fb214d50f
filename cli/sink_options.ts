// SPDX-License-Identifier: MIT
/** Options of every command that ends in packets. @module */
import { message, text } from "@optique/core/message";
import { multiple, optional } from "@optique/core/modifiers";
import { option } from "@optique/core/primitives";
import { KEEP_MAX, ROTATE_BYTES_MIN, ROTATE_MS_MIN } from "../net/settings/limits.ts";
import { sinkForms } from "../net/sinks/spec.ts";
import { duration, sink, size, wholeNumber, word } from "./values.ts";

export const sinkOptions = {
  output: multiple(option("-o", "--output", sink(), {
    description: message`Where packets go: ${text(sinkForms())}. May be given more than once.`,
  })),
  rotateSize: optional(option("--rotate-size", size(ROTATE_BYTES_MIN), {
    description: message`Begin a new file when this one has reached SIZE.`,
  })),
  rotateTime: optional(option("--rotate-time", duration(ROTATE_MS_MIN), {
    description: message`Begin a new file after DURATION.`,
  })),
  keep: optional(option("--keep", wholeNumber("N", 1, KEEP_MAX), {
    description:
      message`Keep the newest N files of the series when rotating, those of earlier runs among them.`,
  })),
  summary: optional(option("--summary", word("FORM", ["text", "json", "none"]), {
    description:
      message`What the exit summary on standard error looks like: text, json or none. Default: that of --log-format.`,
  })),
  logLevel: optional(
    option("--log-level", word("LEVEL", ["debug", "info", "warning", "error"]), {
      description: message`Least severe messages to show; -v stands for debug. Default: info.`,
    }),
  ),
  logFormat: optional(option("--log-format", word("STYLE", ["text", "json"]), {
    description: message`Messages as text or as a line of JSON each, the summary among them. Default: text.`,
  })),
};
