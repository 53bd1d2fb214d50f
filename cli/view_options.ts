// SPDX-License-Identifier: MIT
/** Options of commands that show requests. @module */
import { message, text as plain } from "@optique/core/message";
import { optional, withDefault } from "@optique/core/modifiers";
import { flag, option } from "@optique/core/primitives";
import { FILTER_FIELDS } from "../net/view/filter.ts";
import { LOG_BYTES_MIN } from "../net/view/log_layout.ts";
import { file } from "./suggestions.ts";
import { text } from "./value_parser.ts";
import { size, word } from "./values.ts";

/** What is printed, and how. */
const printOptions = {
  print: optional(option("--print", word("WHAT", ["requests", "heads", "bodies"]), {
    description:
      message`Print HTTP exchanges as they end: a line each, with their heads, or with their bodies too, decoded. Other protocols get a line a connection.`,
  })),
  filter: optional(option("--filter", text("EXPRESSION"), {
    description: message`Only exchanges for which this holds, such as ${
      plain('status >= 400 and host contains "shop" and not program == "curl"')
    }. Fields: ${plain(FILTER_FIELDS.join(", "))}; comparisons: == != < <= > >= contains =~.`,
  })),
  showSecrets: withDefault(
    flag("--show-secrets", {
      description:
        message`Show passwords, cookies, tokens and keys of heads, in events and archives too. Bodies are shown as they are.`,
    }),
    false,
  ),
  color: optional(option("--color", word("WHEN", ["auto", "always", "never"]), {
    description: message`Colours: auto, always or never. Default: auto, on a terminal without NO_COLOR.`,
  })),
};

/** Where it is written, and how much of it. */
const outputOptions = {
  events: optional(option("--events", file("PLACE"), {
    description:
      message`Write HTTP, WebSocket, TLS, flow and statistics events, a line of JSON each with Suricata's names: into a file, - for standard output, or unix:PATH.`,
  })),
  har: optional(option("--har", file("FILE"), {
    description: message`Write HTTP exchanges as an HTTP archive (HAR 1.2). With --bodies, their bodies too.`,
  })),
  bodies: optional(option("--bodies", size(0), {
    description:
      message`Bytes of each body that are kept to be shown. Default: 64KiB with --print bodies, else none.`,
  })),
};

export const viewOptions = {
  ...printOptions,
  ...outputOptions,
  exchangeLog: optional(option("--exchange-log", size(LOG_BYTES_MIN), {
    description: message`Memory of the exchange log; what it has no room for is counted. Default: 64MiB.`,
  })),
};
