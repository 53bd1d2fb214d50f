// SPDX-License-Identifier: MIT
/** Settings of a collector: a plain object, checked when it is given. @module */
import * as v from "valibot";
import { LINK_PORT } from "../link/blocks/link.ts";
import { BadSetting } from "../settings/bad_setting.ts";
import type { CredentialSettings } from "../settings/credentials.ts";
import { AGENT_RATE_MIN, AGENT_SHARE_MIN, WORKERS_MAX } from "../settings/limits.ts";
import { credentialEntries, parsed, wholeNumber } from "../settings/schema.ts";
import { pageEntries, type PageSettings } from "../settings/page.ts";
import { statusEntries, type StatusSettings } from "../settings/status.ts";
import type { RotationSettings, SinkSetting } from "../settings/sinks.ts";
import type { SinkSpec } from "../sinks/kind.ts";
import { sinkEntries } from "../settings/sink_schema.ts";
import { PORT_MAX } from "../wire/tcp.ts";

/** Connection threads beyond which more would not help the one that writes. */
const WORKERS_OF_USE = 4;

/** What a collector does. */
export interface CollectorSettings
  extends CredentialSettings, RotationSettings, StatusSettings, PageSettings {
  /** Where packets go, at least one. */
  readonly sinks: readonly SinkSetting[];
  /** Address or name to listen on. Default: `::`, every address. */
  readonly hostname?: string;
  /** TCP port to listen on; 0: any free one. Default: 3005. */
  readonly port?: number;
  /** Bytes of the longest IP packet taken for a sink without an MTU of its own, 576 to 65535. Default: 65535. */
  readonly mtu?: number;
  /** Takes only agents whose certificate has one of these names. Default: all of the CA. */
  readonly allow?: readonly string[];
  /** No TLS: anybody may send, and on the way read and forge. Default: false. */
  readonly plaintext?: boolean;
  /** `off`: takes nothing compressed from agents. Default: `auto`, what agents choose. */
  readonly compress?: "auto" | "off";
  /**
   * File that keeps what must outlive the collector, its directory made when missing. Default: nothing is kept, and a
   * collector that is interrupted gets packets twice.
   */
  readonly statePath?: string;
  /** Bytes a second that an agent may send; at least 65536. Default: what it can. */
  readonly agentRate?: number;
  /** Bytes that the packets of one agent may take in the files that the collector has; at least 1 MiB. Default: any. */
  readonly agentShare?: number;
  /** Threads for connections, 0 to 64; 0: the caller's. Default: one for each core but one, 4 at most. */
  readonly workers?: number;
}

type WithDefault = "compress" | "hostname" | "port" | "allow" | "plaintext" | "workers";

/** Settings that are known to be of the right form, with their defaults. */
export type CheckedSettings =
  & Omit<CollectorSettings, WithDefault | "sinks">
  & Required<Pick<CollectorSettings, WithDefault>>
  & { readonly sinks: readonly SinkSpec[] };

const settingsSchema = v.strictObject({
  ...sinkEntries,
  ...credentialEntries,
  ...statusEntries,
  ...pageEntries,
  hostname: v.optional(v.string(), "::"),
  port: v.optional(wholeNumber(0, PORT_MAX), LINK_PORT),
  allow: v.optional(v.array(v.string()), () => []),
  plaintext: v.optional(v.boolean(), false),
  compress: v.optional(
    v.picklist(["auto", "off"], ({ received }) => `expected auto or off, got ${received}`),
    "auto",
  ),
  statePath: v.optional(v.string()),
  agentRate: v.optional(wholeNumber(AGENT_RATE_MIN)),
  agentShare: v.optional(wholeNumber(AGENT_SHARE_MIN)),
  workers: v.optional(
    wholeNumber(0, WORKERS_MAX),
    () => Math.min(WORKERS_OF_USE, navigator.hardwareConcurrency - 1),
  ),
});

/** Looks at the form only, not at the machine. Throws {@linkcode BadSetting}. */
export function checkSettings(settings: CollectorSettings): CheckedSettings {
  const checked: CheckedSettings = parsed(settingsSchema, settings);
  if (checked.sinks.length === 0) throw new BadSetting("sinks", "expected at least one place for packets");
  if (checked.agentShare !== undefined && !checked.sinks.some(({ file }) => file)) {
    throw new BadSetting("agentShare", "needs a file among the sinks, for example out.pcapng");
  }
  if (checked.plaintext && checked.allow.length > 0) {
    throw new BadSetting(
      "allow",
      (name) => `looks at certificates, and there are none with ${name("plaintext")}`,
    );
  }
  return checked;
}
