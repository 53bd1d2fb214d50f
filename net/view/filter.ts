// SPDX-License-Identifier: MIT
/** Which entries are chosen: `status >= 400 and host contains "shop"`. @module */
import { parseExpression } from "../filter/expression.ts";
import type { Fields } from "../filter/field.ts";
import { longProgramIn, networkIn, parametersIn, portIn } from "../filter/never.ts";
import { PORT_MAX } from "../wire/tcp.ts";
import type { Row } from "./exchange.ts";
import { withoutSecrets } from "./secrets.ts";

export { BadFilter } from "../filter/expression.ts";

/** Whether an entry is chosen. */
export type Filter = (entry: Row) => boolean;

/** A status has three digits. */
const STATUS_MAX = 999;

/** Of a message or a flow, what only exchanges have is empty or 0. */
const FIELDS: Fields<Row> = {
  program: { type: "text", whyNever: longProgramIn, get: ({ flow }) => flow.program },
  pid: { type: "number", get: ({ flow }) => flow.pid },
  uid: { type: "number", get: ({ flow }) => flow.uid },
  host: {
    type: "text",
    ignoresCase: true,
    get: (entry) => (entry.kind === "exchange" ? entry.host : entry.flow.sni).toLowerCase(),
    whyNever: whyNoName,
    shortened: (host) => host.replace(/^([^:]*|\[.*\]):\d+$/, "$1"),
  },
  port: { type: "number", most: PORT_MAX, get: ({ flow }) => flow.server.port },
  sni: {
    type: "text",
    ignoresCase: true,
    whyNever: (text) => portIn(text) ?? whyNoName(text),
    get: ({ flow }) => flow.sni.toLowerCase(),
  },
  method: { type: "text", get: (entry) => entry.kind === "exchange" ? entry.method : "" },
  path: { type: "text", get: (entry) => entry.kind === "exchange" ? entry.target : "" },
  status: { type: "number", most: STATUS_MAX, get: (entry) => entry.kind === "exchange" ? entry.status : 0 },
  size: { type: "bytes", get: sizeOf },
  ms: { type: "milliseconds", get: ({ startNs, endNs }) => (endNs - startNs) / 1e6 },
  type: {
    type: "text",
    ignoresCase: true,
    whyNever: parametersIn,
    get: (entry) => entry.kind === "exchange" ? entry.type : "",
  },
  client: { type: "address", ignoresCase: true, get: ({ flow }) => flow.client.ip },
  server: { type: "address", ignoresCase: true, get: ({ flow }) => flow.server.ip },
  version: {
    type: "text",
    words: ["1.0", "1.1", "2", ""],
    get: (entry) => entry.kind === "exchange" ? entry.version.slice("HTTP/".length) : "",
  },
};

/** Names of the fields, in the order of the help. */
export const FILTER_FIELDS: readonly string[] = Object.keys(FIELDS);

function whyNoName(text: string): string | undefined {
  return networkIn(text, "server");
}

function sizeOf(entry: Row): number {
  switch (entry.kind) {
    case "exchange":
      return entry.responseBytes;
    case "message":
      return entry.lengthBytes;
    default:
      return entry.toServer + entry.toClient;
  }
}

/** Throws {@linkcode BadFilter}. */
export function parseFilter(expression: string): Filter {
  return parseExpression(expression, FIELDS);
}

/** What is hidden is not found either: without `showsSecrets` the path is judged without secrets. Throws {@linkcode BadFilter}. */
export function parseFilterFor(
  expression: string,
  { showsSecrets }: { readonly showsSecrets: boolean },
): Filter {
  return showsSecrets ? parseFilter(expression) : parseExpression(expression, {
    ...FIELDS,
    path: { type: "text", get: (entry) => entry.kind === "exchange" ? withoutSecrets(entry.target) : "" },
  });
}
