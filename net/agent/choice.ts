// SPDX-License-Identifier: MIT
/** Which sessions are mirrored, by expressions over their program and their ends. @module */
import { GRADES } from "../capture/record/layout.ts";
import type { CaptureProgram } from "../capture/target.ts";
import { BadFilter, parseCondition } from "../filter/expression.ts";
import type { Condition, Field, Fields } from "../filter/field.ts";
import { longContainerIn, longProgramIn, networkIn, portIn } from "../filter/never.ts";
import type { Flow } from "../mirror/flow.ts";
import { BadSetting } from "../settings/bad_setting.ts";
import { formatIp } from "../wire/flow_key.ts";
import { type Network, parseNetwork } from "../wire/network.ts";
import { PORT_MAX } from "../wire/tcp.ts";

export { KNOWN_GRADES } from "../mirror/known_grades.ts";

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

/** What is known of a program before it has told of any session. */
const PROGRAM_FIELDS: Fields<CaptureProgram> = {
  program: { type: "text", whyNever: longProgramIn, get: ({ comm }) => comm },
  exe: { type: "text", get: ({ executable }) => executable ?? "" },
  pid: { type: "number", get: ({ pid }) => pid },
  uid: { type: "number", get: ({ uid }) => uid },
  cgroup: { type: "text", get: ({ cgroup }) => cgroup ?? "" },
  container: { type: "text", whyNever: longContainerIn, get: ({ container }) => container ?? "" },
  container_name: { type: "text", get: ({ containerName }) => containerName ?? "" },
  pod: { type: "text", get: ({ pod }) => pod ?? "" },
  pod_name: { type: "text", get: ({ podName }) => podName ?? "" },
  source: { type: "text", words: ["hook", "probes"], get: ({ source }) => source ?? "hook" },
};

/** The name in a ClientHello. */
const SNI: Field<Flow> = {
  type: "text",
  ignoresCase: true,
  whyNever: (text) => portIn(text) ?? networkIn(text, "net"),
  get: ({ info }) => info.sni.toLowerCase(),
};

const SESSION_FIELDS: Fields<Flow> = {
  role: { type: "text", words: ["client", "server"], get: ({ info }) => info.isServer ? "server" : "client" },
  port: { type: "number", most: PORT_MAX, get: ({ attribution }) => attribution?.key.server.port ?? 0 },
  client: { type: "address", ignoresCase: true, get: (flow) => addressOf(flow, "client") },
  server: { type: "address", ignoresCase: true, get: (flow) => addressOf(flow, "server") },
  net: { type: "text", get: (flow) => addressOf(flow, "server"), matcher: isWithin },
  host: SNI,
  sni: SNI,
  alpn: { type: "text", get: ({ info }) => info.alpn },
  grade: { type: "text", words: ["wire", ...GRADES], get: ({ attribution }) => attribution?.grade ?? "none" },
  address: { type: "text", words: ["confirmed", "claimed", "unknown"], get: addressState },
};

const FIELDS: Fields<Flow> = {
  ...mapFields(
    PROGRAM_FIELDS,
    (field): Field<Flow> => ({ ...field, get: ({ program }) => field.get(program), matcher: undefined }),
  ),
  ...SESSION_FIELDS,
};

/** Of a program, without any session. */
const FORESEEN_FIELDS: Fields<CaptureProgram> = {
  ...PROGRAM_FIELDS,
  ...mapFields(SESSION_FIELDS, ({ matcher, ...field }): Field<CaptureProgram> => ({
    ...field,
    get: () => undefined,
    matcher: matcher && (() => () => undefined),
  })),
};

function mapFields<T, U>(fields: Fields<T>, map: (field: Field<T>) => Field<U>): Fields<U> {
  return Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, map(field)]));
}

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
export function chooserOf(choice: ChoiceSettings): ((flow: Flow) => boolean) | undefined {
  const condition = conditionOf(choice, FIELDS);
  return condition && ((flow) => condition(flow) === true);
}

/** Whether any session of a program may be one that {@linkcode chooserOf} chooses; undefined: all may. Throws {@linkcode BadSetting}. */
export function foresightOf(choice: ChoiceSettings): ((program: CaptureProgram) => boolean) | undefined {
  const condition = conditionOf(choice, FORESEEN_FIELDS);
  return condition && ((program) => condition(program) !== false);
}

function conditionOf<T>(
  { only = [], skip = [] }: ChoiceSettings,
  fields: Fields<T>,
): Condition<T> | undefined {
  if (only.length === 0 && skip.length === 0) return undefined;
  const wanted = only.map((expression) => parsed("only", expression, fields));
  const unwanted = skip.map((expression) => parsed("skip", expression, fields));
  return (thing) => {
    const isUnwanted = anyOf(unwanted, thing);
    const isWanted = wanted.length === 0 ? true : anyOf(wanted, thing);
    if (isUnwanted === true || isWanted === false) return false;
    return isUnwanted === undefined ? undefined : isWanted;
  };
}

/** Whether one of them holds; undefined: what is not known decides. */
function anyOf<T>(conditions: readonly Condition<T>[], thing: T): boolean | undefined {
  const answers = conditions.map((holds) => holds(thing));
  return answers.includes(true) ? true : answers.includes(undefined) ? undefined : false;
}

function parsed<T>(setting: string, expression: string, fields: Fields<T>): Condition<T> {
  try {
    return parseCondition(expression, fields);
  } catch (error) {
    if (!(error instanceof BadFilter)) throw error;
    throw new BadSetting(setting, `${error.message}\n${error.caret}`);
  }
}
