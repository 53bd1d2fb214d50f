// SPDX-License-Identifier: MIT
/** What is read of `eve.json`, in which Suricata writes an event a line. @module */

type Count = number | undefined;

interface Endpoints {
  readonly src_ip?: string;
  readonly src_port?: number;
  readonly dest_ip?: string;
  readonly dest_port?: number;
}

interface Stats {
  readonly tcp?: {
    readonly sessions?: Count;
    readonly stream_depth_reached?: Count;
    readonly invalid_checksum?: Count;
    readonly reassembly_gap?: Count;
    readonly midstream_pickups?: Count;
    readonly overlap?: Count;
  };
  readonly decoder?: { readonly pkts?: Count; readonly invalid?: Count };
  readonly app_layer?: {
    /** By protocol; not all that is in it is of this form. */
    readonly error?: Readonly<
      Record<string, { readonly parser?: Count; readonly internal?: Count } | number>
    >;
  };
}

export type EveEvent =
  & Endpoints
  & (
    | { readonly event_type: "stats"; readonly stats: Stats }
    | { readonly event_type: "alert"; readonly alert: { readonly signature: string } }
    | {
      readonly event_type: "anomaly";
      readonly anomaly: { readonly type?: string; readonly event?: string };
    }
    | { readonly event_type: "http"; readonly http: EveHttp }
    | { readonly event_type: "fileinfo"; readonly fileinfo: EveFile }
  );

export interface EveHttp {
  readonly http_method?: string;
  readonly hostname?: string;
  readonly url?: string;
  readonly protocol?: string;
  readonly status?: number;
  readonly length?: number;
}

export interface EveFile {
  readonly filename: string;
  readonly size: number;
  readonly state: string;
  readonly gaps: boolean;
}

export interface Eve {
  readonly events: readonly EveEvent[];
  /** The last that was written, which is of the whole run. */
  readonly stats: Stats;
  /** Events by type. */
  readonly kinds: Readonly<Record<string, number>>;
}

export function parseEve(text: string): Eve {
  const all = text.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line) as EveEvent);
  let stats: Stats = {};
  const kinds: Record<string, number> = {};
  for (const event of all) {
    if (event.event_type === "stats") stats = event.stats;
    else kinds[event.event_type] = (kinds[event.event_type] ?? 0) + 1;
  }
  return { events: all.filter(({ event_type }) => event_type !== "stats"), stats, kinds };
}

/** `source>destination` of the packet that caused an event. */
export function flowOf({ src_ip, src_port, dest_ip, dest_port }: Endpoints): string {
  return `${src_ip}:${src_port}>${dest_ip}:${dest_port}`;
}

/** Protocols whose parser met an error, and how often. */
export function parsersThatGaveUp(stats: Stats): Record<string, number> {
  const gaveUp: Record<string, number> = {};
  for (const [protocol, errors] of Object.entries(stats.app_layer?.error ?? {})) {
    if (typeof errors === "number") continue;
    const count = (errors.parser ?? 0) + (errors.internal ?? 0);
    if (count > 0) gaveUp[protocol] = count;
  }
  return gaveUp;
}
