// SPDX-License-Identifier: MIT
/** Settings of an agent: plain objects, checked when they are given. @module */
import * as v from "valibot";
import type { CodecPlugin } from "../../codecs/codec.ts";
import type { CaptureTarget } from "../capture/target.ts";
import { parseTarget, type RemoteTarget } from "../link/target.ts";
import { KNOWN_GRADES } from "../mirror/known_grades.ts";
import { BadSetting } from "../settings/bad_setting.ts";
import type { CredentialSettings } from "../settings/credentials.ts";
import { QUEUE_MIN, SPOOL_MIN, VLAN_MAX } from "../settings/limits.ts";
import {
  credentialEntries,
  list,
  milliseconds,
  objectOf,
  parsed,
  read,
  wholeNumber,
} from "../settings/schema.ts";
import { sinkEntries } from "../settings/sink_schema.ts";
import { pageEntries, type PageSettings } from "../settings/page.ts";
import { statusEntries, type StatusSettings } from "../settings/status.ts";
import type { RotationSettings, SinkSetting } from "../settings/sinks.ts";
import type { SinkSpec } from "../sinks/kind.ts";
import { PORT_MAX } from "../wire/tcp.ts";
import type { ChoiceSettings } from "./choice.ts";
import type { AgentObserver } from "./observer.ts";
import { viewEntries, type ViewSettings } from "./view.ts";
import type { CaptureSource } from "./source.ts";

/** How collectors are reached. */
export interface TargetSettings extends CredentialSettings {
  /**
   * Collectors to mirror to, `HOST[:PORT]`, port 3005 by default; `tcp://HOST` without TLS. Forged connections are spread over
   * several, each whole on one. Default: none.
   */
  readonly targets?: readonly (string | RemoteTarget)[];
  /** Bytes of memory for packets that a collector has not acknowledged, for each; at least 1 MiB. Default: 64 MiB. */
  readonly queueBytes?: number;
  /**
   * Sends to collectors in fewer bytes (zstd), where they take it: `auto` unless they are on this host, `on` also there, as for a
   * tunnel that begins there. Default: `auto`.
   */
  readonly compress?: "auto" | "on" | "off";
  /** Directory that keeps unacknowledged packets on disk as well, so that they outlive the agent. Default: none. */
  readonly spool?: string;
  /** Bytes of disk that the spool may take, for each collector; at least 16 MiB. Default: 1 GiB. */
  readonly spoolMaxBytes?: number;
}

/** What an agent does. Everything may be left out, but a place for packets: `sinks`, `targets` or both. */
export interface AgentSettings
  extends TargetSettings, RotationSettings, StatusSettings, PageSettings, ViewSettings, ChoiceSettings {
  /** Where packets go. Default: none. */
  readonly sinks?: readonly SinkSetting[];
  /** Where clear text comes from. Default: every program with the hook, `[hookSource()]`. */
  readonly sources?: readonly CaptureSource[];
  /**
   * Stands between the sources and the pipeline: what it answers gets every call of the sources, and passes on to `pipeline`
   * what is to be mirrored. Default: the pipeline itself.
   */
  readonly intercept?: (pipeline: CaptureTarget) => CaptureTarget;
  /** A file that keeps what the sources tell, for `openRecording`. Default: none. */
  readonly record?: string;
  /**
   * The codec chain, first applied first: built-in names and paths of plugins, with settings if need be (`http2to1:lanes=8`), or
   * codecs. Default: `["raw"]`.
   */
  readonly codecs?: readonly (string | CodecPlugin)[];
  /**
   * Only flows that cross one of these interfaces are mirrored, with the addresses, MAC addresses and VLAN that are seen there.
   * Without CAP_NET_RAW, those that have an address of theirs, as programs know it. Default: all flows, as programs know them.
   */
  readonly interfaces?: readonly string[];
  /** Bytes of the largest IP packet forged, 576 to PORT_MAX. Default: the smallest MTU of the sinks, 1500 for a file. */
  readonly mtu?: number;
  /** Forged server port by the real one, such as {@linkcode CLEAR_PORTS}. Default: none is changed. */
  readonly portMap?: ReadonlyMap<number, number>;
  /** VLAN that forged frames are tagged with, 1 to 4094. Default: no tag. */
  readonly vlan?: number;
  /** Source MAC address of every forged frame, 6 bytes. Default: one for clients, one for servers. */
  readonly markMac?: Uint8Array;
  /**
   * Does not mirror flows whose addresses are known less well, from `nested` over `socket` and `hello` to `wire`. Default: flows whose
   * addresses stay unknown get some for documentation.
   */
  readonly requireAttribution?: "nested" | "socket" | "hello" | "wire";
  /** Milliseconds that a flow waits for its addresses. Default: 1 s. */
  readonly attributionWaitMs?: number;
  /** Bytes of clear text that a flow may have meanwhile; beyond them it waits no longer. Default: 256 KiB. */
  readonly attributionHoldBytes?: number;
  /**
   * Mirrors sessions over Unix sockets, which no network carries, under addresses for documentation. Default: they are counted
   * as `flow-unix-socket`.
   */
  readonly unix?: boolean;
  /**
   * `greet`: SMTP, IMAP, POP3 and FTP sessions that began in the clear (STARTTLS) get a server's greeting in front, which is made
   * up, marked in its packet's comment and in no book of clear text. Default: `none`.
   */
  readonly starttls?: "none" | "greet";
  /** Milliseconds without traffic after which a flow's forged connection is closed; it opens again on demand. Default: 1 h. */
  readonly idleMs?: number;
  /** Told of flows as they pass. Default: nobody. */
  readonly observer?: AgentObserver;
}

type WithDefault =
  | "codecs"
  | "interfaces"
  | "portMap"
  | "unix"
  | "starttls"
  | "idleMs"
  | "observer"
  | "readers"
  | "showSecrets"
  | "bodyBytes"
  | "logBytes";

/** Settings that are known to be of the right form, with their defaults. */
export type CheckedSettings =
  & Omit<AgentSettings, WithDefault | "sinks" | "targets">
  & Required<Pick<AgentSettings, WithDefault>>
  & { readonly sinks: readonly SinkSpec[]; readonly targets: readonly RemoteTarget[] };

const IDLE_MS = 3_600_000;

const targetSchema = v.strictObject({
  name: v.string(),
  hostname: v.string(),
  port: wholeNumber(1, PORT_MAX),
  isPlaintext: v.boolean(),
});

const settingsSchema = v.strictObject({
  ...sinkEntries,
  ...credentialEntries,
  ...statusEntries,
  ...pageEntries,
  only: v.optional(v.array(v.string())),
  skip: v.optional(v.array(v.string())),
  ...viewEntries,
  sources: v.optional(v.array(objectOf<CaptureSource>("a source such as hookSource()"))),
  intercept: v.optional(
    v.custom<Required<AgentSettings>["intercept"]>((value) => typeof value === "function"),
  ),
  record: v.optional(v.string()),
  codecs: v.optional(
    v.array(v.union([v.string(), objectOf<CodecPlugin>("a codec")], "expected a name, a path or a codec")),
    ["raw"],
  ),
  interfaces: v.optional(v.array(v.string()), () => []),
  portMap: v.optional(v.map(wholeNumber(1, PORT_MAX), wholeNumber(1, PORT_MAX)), () => new Map()),
  vlan: v.optional(wholeNumber(1, VLAN_MAX)),
  markMac: v.optional(v.custom<Uint8Array>(isUnicastMac, "expected a unicast MAC address of 6 bytes")),
  requireAttribution: v.optional(
    v.picklist(KNOWN_GRADES, ({ received }) => `expected ${KNOWN_GRADES.join(", ")}, got ${received}`),
  ),
  attributionWaitMs: v.optional(milliseconds(1)),
  attributionHoldBytes: v.optional(wholeNumber(0)),
  unix: v.optional(v.boolean(), false),
  starttls: v.optional(
    v.picklist(["none", "greet"], ({ received }) => `expected none or greet, got ${received}`),
    "none",
  ),
  idleMs: v.optional(milliseconds(1), IDLE_MS),
  observer: v.optional(objectOf<AgentObserver>("an object of functions"), () => ({})),
  targets: list(read(readTarget)),
  queueBytes: v.optional(wholeNumber(QUEUE_MIN)),
  compress: v.optional(
    v.picklist(["auto", "on", "off"], ({ received }) => `expected auto, on or off, got ${received}`),
  ),
  spool: v.optional(v.string()),
  spoolMaxBytes: v.optional(wholeNumber(SPOOL_MIN)),
});

function readTarget(target: string | RemoteTarget): RemoteTarget {
  return typeof target === "string" ? parseTarget(target) : v.parse(targetSchema, target);
}

function isUnicastMac(bytes: unknown): boolean {
  return bytes instanceof Uint8Array && bytes.length === 6 && (bytes[0] & 1) === 0;
}

/** Looks at the form only, not at the machine. Throws {@linkcode BadSetting}. */
export function checkSettings(settings: AgentSettings): CheckedSettings {
  const checked: CheckedSettings = parsed(settingsSchema, settings);
  if (checked.sinks.length === 0 && checked.targets.length === 0) {
    throw new BadSetting(
      "sinks",
      (name) => `nowhere to write: give a place for packets, or a collector as ${name("targets")}`,
    );
  }
  return checked;
}
