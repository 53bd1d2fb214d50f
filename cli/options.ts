// SPDX-License-Identifier: MIT
/** The command line: every command with its options, parsed into one typed value. @module */
import { object, or } from "@optique/core/constructs";
import { type Message, message, text as plain } from "@optique/core/message";
import { multiple, optional, withDefault } from "@optique/core/modifiers";
import type { InferValue } from "@optique/core/parser";
import type { Usage } from "@optique/core/usage";
import { argument, command, constant, flag, option } from "@optique/core/primitives";
import { MEMORY_MIN, MTU_MAX, MTU_MIN, VLAN_MAX } from "../net/settings/limits.ts";
import { CAPTURES } from "./capture_sources.ts";
import { configCommand } from "./config_options.ts";
import { hookCommand, runtimeDir } from "./hook_options.ts";
import {
  type CollectorCommand,
  dryRun,
  metrics,
  pkiParser,
  remoteOptions,
  uiOptions,
} from "./remote_options.ts";
import { sinkOptions } from "./sink_options.ts";
import { doctorCommand, psCommand, statusCommand, topCommand } from "./status_options.ts";
import { CHOICE_FIELDS, KNOWN_GRADES } from "../net/agent/choice.ts";
import { file } from "./suggestions.ts";
import { text } from "./value_parser.ts";
import { viewOptions } from "./view_options.ts";
import {
  codecList,
  codecName,
  duration,
  interfaceName,
  macAddress,
  portMap,
  size,
  wholeNumber,
  word,
} from "./values.ts";

export { collectorParser } from "./remote_options.ts";

/** Options of every command that mirrors. */
const mirrorOptions = {
  ...sinkOptions,
  ...viewOptions,
  codec: optional(option("--codec", codecList(), {
    description:
      message`Codecs to apply, joined with commas: built-in names (see sslcollector codecs) or paths of plugins. Default: raw.`,
  })),
  mtu: optional(option("--mtu", wholeNumber("BYTES", MTU_MIN, MTU_MAX), {
    description: message`Largest IP packet forged. Default: the smallest MTU of the sinks, 1500 for a file.`,
  })),
  portMap: multiple(option("--port-map", portMap(), {
    description:
      message`Forge another server port, so that the mirror does not meet the encrypted flow: 443=80. clear stands for 443=80, 853=53, 8883=1883, 465=25, 993=143, 995=110, 636=389 and 990=21. Of several for one port the last counts.`,
  })),
  vlan: optional(option("--vlan", wholeNumber("ID", 1, VLAN_MAX), {
    description: message`Tag forged frames with this VLAN.`,
  })),
  markMac: optional(option("--mark-mac", macAddress(), {
    description: message`Source MAC address of every forged frame.`,
  })),
  only: multiple(option("--only", text("EXPRESSION"), {
    description: message`Mirror only sessions for which this holds, such as ${
      plain('program == "nginx" and not net == "10.0.0.0/8"')
    }. Fields: ${plain(CHOICE_FIELDS.join(", "))}. May be given more than once: one has to hold.`,
  })),
  skip: multiple(option("--skip", text("EXPRESSION"), {
    description:
      message`Leave sessions out for which this holds; counted as skipped. May be given more than once.`,
  })),
  requireAttribution: optional(option("--require-attribution", word("GRADE", KNOWN_GRADES), {
    description:
      message`Do not mirror flows whose addresses are known less well than that: nested, socket, hello or wire, from any to those that an interface saw.`,
  })),
  attributionWait: optional(option("--attribution-wait", duration(), {
    description: message`How long a flow waits for its addresses. Default: 1s.`,
  })),
  attributionHold: optional(option("--attribution-hold", size(0), {
    description: message`Clear text of a flow that waits for its addresses. Default: 256KiB.`,
  })),
  unix: withDefault(
    flag("--unix", {
      description: message`Mirror sessions over Unix sockets too, under documentation addresses.`,
    }),
    false,
  ),
  starttls: optional(option("--starttls", word("MODE", ["none", "greet"]), {
    description:
      message`greet: begin SMTP, IMAP, POP3 and FTP sessions behind STARTTLS with a greeting, which is made up, so that an IDS's parser starts. Default: none.`,
  })),
  idleTimeout: optional(option("--idle-timeout", duration(), {
    description:
      message`Close the forged connection of a flow without traffic; it opens again on demand. Default: 1h.`,
  })),
  dryRun,
  quiet: withDefault(
    flag("-q", "--quiet", {
      description: message`No line for each flow on standard error.`,
    }),
    false,
  ),
};

/** Options of commands with programs that run. */
const captureOptions = {
  interface: multiple(option("-I", "--interface", interfaceName(), {
    description:
      message`Mirror flows that cross this interface, with the addresses seen there; any takes all, as programs know them. May be given more than once. Default: any.`,
  })),
  record: optional(option("--record", file("FILE"), {
    description: message`Keep what the hooks told, for replay.`,
  })),
  memory: optional(option("--memory", size(MEMORY_MIN), {
    description:
      message`Memory of all rings together; programs beyond it go unmirrored. The one ring of kernel probes has the power of two that is not above it. Default: 512MiB, and 64MiB of kernel probes.`,
  })),
  runtimeDir,
  ...uiOptions,
};

export const agentParser = object("Options", {
  command: constant("agent" as const),
  ...captureOptions,
  capture: optional(option("--capture", word("SOURCE", CAPTURES), {
    description:
      message`Where clear text comes from, one of three. hook: programs that carry the hook; uprobes: kernel probes at the calls of OpenSSL, GnuTLS, NSS and Go's TLS in all other programs, also those that run already; auto: both, as far as the kernel allows. Default: hook.`,
  })),
  ...mirrorOptions,
  ...remoteOptions,
  metrics,
});

const runParser = object({
  command: constant("run" as const),
  ...captureOptions,
  ...mirrorOptions,
  ...remoteOptions,
  program: multiple(
    argument(file("COMMAND"), { description: message`The program and its arguments, after --.` }),
    {
      min: 1,
      errors: {
        tooFew:
          message`run: expected -- and a command, for example: sslcollector run -- curl https://localhost`,
      },
    },
  ),
});

const replayParser = object({
  command: constant("replay" as const),
  recording: argument(file("FILE"), { description: message`A recording made with --record.` }),
  ...mirrorOptions,
  ...remoteOptions,
  ...uiOptions,
});

const readParser = object({
  command: constant("read" as const),
  capture: argument(file("FILE"), {
    description: message`A capture that sslcollector has written, pcapng or pcap; - for standard input.`,
  }),
  ...viewOptions,
  ...uiOptions,
});

const demoParser = object({
  command: constant("demo" as const),
  output: optional(option("-o", "--output", file("FILE"), {
    description: message`The capture to write. Default: demo.pcapng.`,
  })),
});

const codecsParser = object({
  command: constant("codecs" as const),
  codecs: multiple(
    argument(
      codecName(),
      {
        description: message`Built-in names or paths of plugins, to check that they load.`,
      },
    ),
  ),
});

const described = (brief: Message, form?: string) => ({
  brief,
  ...(form === undefined ? {} : { usageLine: [{ type: "literal" as const, value: form }] }),
});

export const commandsParser = or(
  command(
    "run",
    runParser,
    described(message`Start one program mirrored`, "[OPTION...] -- COMMAND [ARG...]"),
  ),
  command(
    "replay",
    replayParser,
    described(message`Run a recording through the same pipeline`, "[OPTION...] FILE"),
  ),
  command(
    "read",
    readParser,
    described(message`Print the requests in a capture`, "[OPTION...] FILE"),
  ),
  statusCommand,
  topCommand,
  psCommand,
  doctorCommand,
  hookCommand,
  configCommand,
  command("codecs", codecsParser, described(message`List the codecs, or check that plugins load`)),
  command("pki", pkiParser, described(message`Manage certificates of agents and collectors`)),
  command("demo", demoParser, described(message`Mirror curl against a server of its own`)),
);

/** A command and the rest of its line; without a name, the agent's. */
const form = (name: string, rest: string): Usage => [
  name === ""
    ? { type: "optional", terms: [{ type: "option", names: ["-I"], metavar: "IFACE" }] }
    : { type: "command", name },
  { type: "literal", value: rest },
];

/** The forms of a call, one a line. */
export const usage: Usage = [{
  type: "exclusive",
  terms: [
    form("", "[-o SINK...] [-t HOST...] [--codec LIST] [OPTION...]"),
    form("-C", "[-L ADDR:PORT] -o SINK... [OPTION...]"),
    form("run", "[OPTION...] -- COMMAND [ARG...]"),
    form("replay", "[OPTION...] FILE"),
    form("read", "[OPTION...] FILE"),
    form("status", "[--json] [--watch] [OPTION...]"),
    form("top", "[--filter EXPRESSION] [OPTION...]"),
    form("ps", "[--json] [--watch] [OPTION...]"),
    form("doctor", "[--json] [OPTION...]"),
    form("hook", "install|uninstall|status|path [OPTION...]"),
    form("config", "check|show|default [OPTION...]"),
    form("codecs", "[CODEC...]"),
    form("pki", "init|issue|renew|csr|revoke|show [OPTION...]"),
    form("demo", "[-o FILE]"),
    form("help", "[COMMAND...]"),
    form("completion", "SHELL"),
  ],
}];

export const commandLine = or(commandsParser, agentParser);
/** What an empty command line means. */
export const bareCommandLine = agentParser;

/** Whether the words are for the collector, which is the agent's line with `-C`. */
export function isCollector(args: readonly string[]): boolean {
  return args.slice(0, endOfOptions(args)).some((word) => word === "-C" || word === "--collector");
}

/** Where `--` stands, behind which words belong to a program. */
export function endOfOptions(args: readonly string[]): number {
  const at = args.indexOf("--");
  return at < 0 ? args.length : at;
}

export type CommandLine = InferValue<typeof commandLine> | CollectorCommand;
export type MirrorCommand = Extract<CommandLine, { command: "agent" | "run" | "replay" }>;
export type AgentCommand = Extract<CommandLine, { command: "agent" }>;
export type RunCommand = Extract<CommandLine, { command: "run" }>;
export type ReplayCommand = Extract<CommandLine, { command: "replay" }>;
export type ReadCommand = Extract<CommandLine, { command: "read" }>;
export type CodecsCommand = Extract<CommandLine, { command: "codecs" }>;
export type DemoCommand = Extract<CommandLine, { command: "demo" }>;
