// SPDX-License-Identifier: MIT
/** What keeps the hook from a systemd service although its unit names it, and what helps. Pure. @module */
import { type Assignment, listOf } from "./unit_files.ts";

/**
 * Options that make systemd install a seccomp filter (`context_has_seccomp` of its `exec-invoke.c`; `DynamicUser=` implies
 * `RestrictSUIDSGID=`): those that are on or off, and those with a list.
 */
const FILTER_SWITCHES = [
  "DynamicUser",
  "LockPersonality",
  "MemoryDenyWriteExecute",
  "PrivateDevices",
  "ProtectClock",
  "ProtectHostname",
  "ProtectKernelLogs",
  "ProtectKernelModules",
  "ProtectKernelTunables",
  "RestrictRealtime",
  "RestrictSUIDSGID",
] as const;
const FILTER_LISTS = [
  "RestrictAddressFamilies",
  "RestrictNamespaces",
  "SystemCallArchitectures",
  "SystemCallFilter",
  "SystemCallLog",
] as const;

/** Options that are asked of systemd. */
export const ADVISED: readonly string[] = [
  ...FILTER_SWITCHES,
  ...FILTER_LISTS,
  "ExecStart",
  "RootDirectory",
  "RootImage",
  "UnsetEnvironment",
];

/** What a list is when nothing is restricted: `~` forbids nothing. */
const UNRESTRICTED = new Set(["", "~", "no", "false", "off", "n", "f", "0"]);
const YES = new Set(["yes", "true", "on", "y", "t", "1"]);

/**
 * Lines for people, without the service's name.
 *
 * @param library path of the hook
 */
export function unitAdvice(service: string, assignments: readonly Assignment[], library: string): string[] {
  const last = (name: string) => assignments.findLast((one) => one.name === name)?.value ?? "";
  const list = (name: string) => listOf(assignments, name);
  const advice: string[] = [];
  const filters = [
    ...FILTER_SWITCHES.filter((name) => YES.has(last(name).toLowerCase())),
    ...FILTER_LISTS.filter((name) => list(name).some((value) => !UNRESTRICTED.has(value.toLowerCase()))),
  ].sort();
  if (filters.length > 0) advice.push(filterAdvice(filters));
  const commands = list("ExecStart");
  const variables = [
    ["LD_PRELOAD", library],
    ...filters.length > 0 ? [["SSLCOLLECTOR_SECCOMP", "connect"]] : [],
  ];
  for (const { command, advice: text } of STARTERS) {
    if (commands.some((line) => command.test(line))) advice.push(text(service, variables));
  }
  if (commands.length > 0 && commands.every((command) => IDLE.test(command))) {
    const instance = service.replace(/\.service$/, "@NAME.service");
    advice.push(
      `starts nothing itself (ExecStart=/bin/true); its programs may be those of units such as ${instance}`,
    );
  }
  const root = last("RootDirectory") || last("RootImage");
  if (root !== "") advice.push(`has a root of its own (${root}): the hook must be there as ${library} too`);
  if (/\bLD_PRELOAD\b/.test(list("UnsetEnvironment").join(" "))) {
    advice.push("takes LD_PRELOAD out of the environment (UnsetEnvironment=): it will not have the hook");
  }
  return advice;
}

/** A filter of `SystemCallFilter=` may end a program for a call that the hook makes; those of the others refuse only what it does not do. */
function filterAdvice(filters: readonly string[]): string {
  const options = filters.map((name) => `${name}=`).join(", ");
  const help = "Environment=SSLCOLLECTOR_SECCOMP=connect in the unit";
  const isStrict = filters.includes("SystemCallFilter");
  return `starts under a seccomp filter (${options}), where the hook keeps silent; ` +
    (isStrict
      ? `if SystemCallFilter= allows the calls that docs/coverage.md lists, ${help} mirrors it all the same`
      : `these options allow all that the hook does, so ${help} mirrors it all the same`);
}

interface Starter {
  readonly command: RegExp;
  /** Says how the programs get these variables, names with values. */
  readonly advice: (service: string, variables: readonly (readonly string[])[]) => string;
}

/** `/bin/true`, also as `systemctl show` has it. */
const IDLE = /^(\{ path=)?[-@:+!]*(\/usr)?\/bin\/true\b/;

const POSTFIX_ENVIRONMENT =
  "MAIL_CONFIG MAIL_DEBUG MAIL_LOGTAG TZ XAUTHORITY DISPLAY LANG=C POSTLOG_SERVICE POSTLOG_HOSTNAME";

const words = (variables: readonly (readonly string[])[]) =>
  variables.map(([name, value]) => `${name}=${value}`).join(" ");

/** Programs that start others with an environment of their own making. */
const STARTERS: readonly Starter[] = [
  {
    command: /\bpg_ctlcluster\b/,
    advice: (service, variables) => {
      const [, version = "VERSION", cluster = "CLUSTER"] = /@([^-]+)-(.+)\.service$/.exec(service) ?? [];
      const lines = variables.map(([name, value]) => `${name} = '${value}'`).join(" and ");
      return `pg_ctlcluster clears the environment; write into /etc/postgresql/${version}/${cluster}/environment: ${lines}`;
    },
  },
  {
    command: /\/(postmulti|postfix)\b/,
    advice: (_service, variables) =>
      `Postfix clears the environment; write into main.cf: import_environment = ${POSTFIX_ENVIRONMENT} ${
        words(variables)
      }`,
  },
  {
    command: /\/dovecot\b/,
    advice: (_service, variables) =>
      `dovecot clears the environment; write into dovecot.conf: import_environment = $import_environment ${
        words(variables)
      }; ` + "its login processes change their root later, which does not hinder the hook",
  },
];
