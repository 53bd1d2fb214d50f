// SPDX-License-Identifier: MIT
/** Mistakes of the user: one line that names the option, the value and what would be right; exit status 2. @module */
import type { BadSetting } from "../net/settings/bad_setting.ts";

/** A mistake on the command line, in the environment or in the file. */
export class BadInput extends Error {
  override readonly name = "BadInput";
}

/** Options by the setting that they give: what a line begins with, and how others speak of it. */
const OPTIONS: Readonly<Record<string, readonly [name: string, form?: string]>> = {
  sinks: ["--output"],
  rotateBytes: ["--rotate-size"],
  rotateMs: ["--rotate-time"],
  keep: ["--keep"],
  targets: ["--target", "-t HOST"],
  queueBytes: ["--queue"],
  spool: ["--spool", "--spool DIR"],
  spoolMaxBytes: ["--spool-max"],
  pki: ["--pki"],
  identity: ["--identity"],
  keyGroup: ["--key-group"],
  compress: ["--compress"],
  record: ["--record"],
  codecs: ["--codec"],
  interfaces: ["--interface"],
  mtu: ["--mtu"],
  vlan: ["--vlan"],
  markMac: ["--mark-mac"],
  portMap: ["--port-map"],
  starttls: ["--starttls"],
  attributionWaitMs: ["--attribution-wait"],
  attributionHoldBytes: ["--attribution-hold"],
  idleMs: ["--idle-timeout"],
  sources: ["--capture"],
  runtimeDir: ["--runtime-dir"],
  memoryBytes: ["--memory"],
  hostname: ["--listen"],
  port: ["--listen", "-L ADDR:PORT"],
  allow: ["--allow"],
  plaintext: ["--insecure-plaintext"],
  collector: ["--collector"],
  statePath: ["--state", "--state FILE"],
  agentRate: ["--agent-rate"],
  agentShare: ["--agent-share"],
  workers: ["--workers"],
  metrics: ["--metrics"],
  ui: ["--ui"],
  uiHosts: ["--ui-host"],
  only: ["--only"],
  skip: ["--skip"],
  filter: ["--filter"],
  events: ["--events"],
  har: ["--har"],
  showSecrets: ["--show-secrets"],
  bodyBytes: ["--bodies"],
  logBytes: ["--exchange-log"],
};

/** A mistake in a setting, in the words of the command line. */
export function inOptions(mistake: BadSetting): string {
  const names = mistake.settings.map((setting) => OPTIONS[setting]?.[0] ?? `--${setting}`);
  const reason = mistake.reason((setting) => OPTIONS[setting]?.[1] ?? OPTIONS[setting]?.[0] ?? setting);
  return `${names.join(" and ")}: ${reason}`;
}
