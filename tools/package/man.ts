// SPDX-License-Identifier: MIT
/** The manual page, from what the commands declare. @module */
import { type DeclaredCommand, declaredCommands, type DeclaredOption } from "../../cli/declared.ts";

/** Words of the page that no option has. */
const SYNOPSIS = [
  ["", "[-I IFACE] [-o SINK...] [-t HOST...] [--codec LIST] [OPTION...]"],
  ["-C", "[-L ADDR:PORT] -o SINK... [OPTION...]"],
  ["run", "[OPTION...] -- COMMAND [ARG...]"],
  ["COMMAND", "[OPTION...]"],
];

const DESCRIPTION = [
  "copies clear text where a program hands it to its TLS library, finds the network flow that it belongs to, and writes the TCP/IP packets " +
  "that an IDS would have seen had the session never been encrypted: to a capture file, an interface, a pipe, a PCAP-over-IP client, or over " +
  "mutual TLS to a collector that replays the mirrors of many hosts.",
  "Programs are mirrored that start with the hook, a library that is preloaded: by the command run, by hook install for services and for the " +
  "whole system, or by LD_PRELOAD as the agent prints it. With --capture uprobes, or auto beside the hook, kernel probes mirror programs without it, " +
  "also those that run already. Whatever happens to the mirror, the mirrored program goes on.",
];

const ENVIRONMENT = [
  ["SSLCOLLECTOR_CONFIG", "The configuration file in the place of /etc/sslcollector.toml."],
  [
    "SSLCOLLECTOR_NAME",
    "Any setting, by its name in capitals and with underscores: SSLCOLLECTOR_CODEC=http2to1. Several values are separated by white space.",
  ],
  [
    "NOTIFY_SOCKET, WATCHDOG_USEC",
    "Set by systemd for a service that tells when it is ready and that it lives.",
  ],
  ["SSLCOLLECTOR_RUNTIME", "Of a mirrored program: where its hook finds the agent."],
  [
    "SSLCOLLECTOR_SECCOMP",
    "Of a mirrored program: connect says that its seccomp filter allows what the hook needs.",
  ],
];

const FILES = [
  ["/etc/sslcollector.toml", "Settings; sslcollector config default prints one with all of them."],
  ["/etc/sslcollector/pki", "Certificates of agents and collectors."],
  ["/run/sslcollector", "Where hooks find the agent of root."],
  ["/usr/lib/sslcollector/libsslcollector_hook.so", "The hook."],
  [
    "/var/lib/sslcollector, /var/log/sslcollector",
    "What agent and collector keep as services: state, captures.",
  ],
];

const STATUS = [
  ["0", "All went well. Of run: the status of the program."],
  ["1", "It could not go on: no sink was left, a recording was damaged."],
  ["2", "A mistake in the options or the settings, told in one line on standard error. Nothing was started."],
  ["3", "Of status, ps and top: no agent or collector runs, or not any more."],
];

/** The page in roff(7), of `version` at `date` (YYYY-MM-DD). */
export function manualPage(version: string, date: string): string {
  const [agent, collector, ...commands] = declaredCommands();
  return [
    `.TH SSLCOLLECTOR 1 ${date} "sslcollector ${version}" "User Commands"`,
    ".SH NAME",
    "sslcollector \\- mirror TLS sessions of running programs in clear text",
    ".SH SYNOPSIS",
    ...SYNOPSIS.flatMap(([name, rest], index) => [
      ...(index === 0 ? [] : [".br"]),
      `.B ${escaped(`sslcollector ${name}`.trim())}`,
      escaped(rest),
    ]),
    ".SH DESCRIPTION",
    ".B sslcollector",
    ...DESCRIPTION.flatMap((paragraph, index) => [...(index === 0 ? [] : [".PP"]), escaped(paragraph)]),
    ".SH OPTIONS OF THE AGENT",
    ...optionLines(agent.options),
    ".SH OPTIONS OF THE COLLECTOR",
    ...optionLines(collector.options),
    ".SH COMMANDS",
    ...commands.flatMap((command) => commandLines(command, agent)),
    ".SH CONFIGURATION",
    "What the command line leaves open comes from the environment, then from the configuration file: there from the command's own table, such as",
    ".BR [collector] ,",
    "then from what stands in no table. Names are those of the long options.",
    ".SH ENVIRONMENT",
    ...listed(ENVIRONMENT),
    ".SH FILES",
    ...listed(FILES),
    ".SH EXIT STATUS",
    ...listed(STATUS),
    ".SH SEE ALSO",
    ".BR ld.so (8), tcpdump (1), tshark (1), suricata (1), systemd.exec (5)",
    "",
  ].join("\n");
}

/** Options that a command shares with the agent are said once. */
function commandLines(
  { name, brief, description, words, options }: DeclaredCommand,
  agent: DeclaredCommand,
): string[] {
  const known = new Map(agent.options.map((option) => [option.names.at(-1), option.description]));
  const own = options.filter((option) => known.get(option.names.at(-1)) !== option.description);
  const shares = own.length < options.length ? ["Takes options of the agent, too."] : [];
  return [
    `.SS ${escaped([name, ...words.map(({ metavar }) => metavar)].join(" "))}`,
    escaped([`${brief}.`, description, ...shares].filter((text) => text !== "").join(" ")),
    ...listed(words.map(({ metavar, description }) => [metavar, description])),
    ...optionLines(own),
  ];
}

function optionLines(options: readonly DeclaredOption[]): string[] {
  return options.flatMap(({ names, metavar, description }) => [
    ".TP",
    `.B ${escaped(names.join(", "))}${metavar === undefined ? "" : ` \\fI${escaped(metavar)}\\fR`}`,
    escaped(description),
  ]);
}

function listed(entries: readonly (readonly string[])[]): string[] {
  return entries.flatMap(([name, text]) => [".TP", `.B ${escaped(name)}`, escaped(text)]);
}

/** Text as it is to be read: no line of it is a request, no dash a hyphen. */
function escaped(text: string): string {
  return text.replaceAll("\\", "\\e").replaceAll("-", "\\-").replace(/^(?=[.'])/, "\\&");
}
