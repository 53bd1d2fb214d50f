// SPDX-License-Identifier: MIT
/** Which sessions are mirrored, by expressions over their program and their ends. @module */
import { BadFilter, type Fields, parseExpression } from "../filter/expression.ts";
import type { Flow } from "../mirror/flow.ts";
import { BadSetting } from "../settings/bad_setting.ts";
import { formatIp } from "../wire/flow_key.ts";
import { type Network, parseNetwork } from "../wire/network.ts";

/** What is mirrored of what the sources tell. */
export interface ChoiceSettings {
  /** Mirrors only sessions for which one of these holds, such as `program == "nginx" and not uid == 0`. Default: all. */
  readonly only?: readonly string[];
  /** Leaves out sessions for which one of these holds. Default: none. */
  readonly skip?: readonly string[];
}

const addressOf = (flow: Flow, end: "client" | "server") => {
  const { attribution } = flow;
  return attribution === undefined || attribution.grade === "none" ? "" : formatIp(attribution.key[end].ip);
};

/** Which the comments of packets say, where it is `claimed`. */
function addressState({ attribution, program }: Flow): "claimed" | "confirmed" | "unknown" {
  if (attribution === undefined || attribution.grade === "none") return "unknown";
  return attribution.confirmed === true || program.isTrusted === true ? "confirmed" : "claimed";
}

const FIELDS: Fields<Flow> = {
  program: { type: "text", get: ({ program }) => program.comm },
  exe: { type: "text", get: ({ program }) => program.executable ?? "" },
  pid: { type: "number", get: ({ program }) => program.pid },
  uid: { type: "number", get: ({ program }) => program.uid },
  cgroup: { type: "text", get: ({ program }) => program.cgroup ?? "" },
  container: { type: "text", get: ({ program }) => program.container ?? "" },
  pod: { type: "text", get: ({ program }) => program.pod ?? "" },
  source: { type: "text", get: ({ program }) => program.source ?? "hook" },
  role: { type: "text", get: ({ info }) => info.isServer ? "server" : "client" },
  port: { type: "number", get: ({ attribution }) => attribution?.key.server.port ?? 0 },
  client: { type: "text", get: (flow) => addressOf(flow, "client") },
  server: { type: "text", get: (flow) => addressOf(flow, "server") },
  net: { type: "text", get: (flow) => addressOf(flow, "server"), matcher: isWithin },
  host: { type: "text", ignoresCase: true, get: ({ info }) => info.sni.toLowerCase() },
  sni: { type: "text", ignoresCase: true, get: ({ info }) => info.sni.toLowerCase() },
  alpn: { type: "text", get: ({ info }) => info.alpn },
  grade: { type: "text", get: ({ attribution }) => attribution?.grade ?? "none" },
  address: { type: "text", get: addressState },
};

/** Names of the fields, in the order of the help. */
export const CHOICE_FIELDS: readonly string[] = Object.keys(FIELDS);

/** Either end is in the network. */
function isWithin(text: string): (flow: Flow) => boolean {
  const network: Network = parseNetwork(text);
  return ({ attribution }) => {
    if (attribution === undefined || attribution.grade === "none") return false;
    const { client, server } = attribution.key;
    return network.has(client.ip) || network.has(server.ip);
  };
}

/** Whether a session is to be mirrored; undefined: all are. Throws {@linkcode BadSetting}. */
export function chooserOf({ only = [], skip = [] }: ChoiceSettings): ((flow: Flow) => boolean) | undefined {
  if (only.length === 0 && skip.length === 0) return undefined;
  const wanted = only.map((expression) => parsed("only", expression));
  const unwanted = skip.map((expression) => parsed("skip", expression));
  return (flow) =>
    (wanted.length === 0 || wanted.some((holds) => holds(flow))) && !unwanted.some((holds) => holds(flow));
}

function parsed(setting: string, expression: string): (flow: Flow) => boolean {
  try {
    return parseExpression(expression, FIELDS);
  } catch (error) {
    if (!(error instanceof BadFilter)) throw error;
    throw new BadSetting(setting, `${error.message}\n${error.caret}`);
  }
}
